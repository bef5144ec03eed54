-- name: blocks
-- All seals, in order.
SELECT block_no, disclosures, digests, previous, digest, (extract(epoch FROM sealed_at) * 1000000)::bigint
FROM ledger_block
ORDER BY block_no

-- name: last_block
-- The newest seal, up to which row it goes, and how many rows are not sealed yet.
SELECT b.block_no, b.digest, b.sealed_at,
       (SELECT count(*) FROM disclosure d WHERE d.disclosure_id > b.disclosures[cardinality(b.disclosures)])
FROM ledger_block b ORDER BY b.block_no DESC LIMIT 1

-- name: rows_between
-- Rows of the ledger above one number and up to another, every value as the text that was sealed.
SELECT disclosure_id, ((extract(epoch FROM at) * 1000000)::bigint)::text, client_id, user_id, purpose, action, outcome,
       reason, application_id::text, encode(question, 'hex'), person_id, pointers::text, request_id
FROM disclosure
WHERE disclosure_id > %(after)s AND disclosure_id <= %(up_to)s
ORDER BY disclosure_id

-- name: count_after
-- Rows above a number: not sealed yet.
SELECT count(*) FROM disclosure WHERE disclosure_id > %(after)s

-- name: disclosures_of_person
-- What was told of the records that a person has now, whatever person they belonged to then, with the agreements; an id
-- that an adoption seal lets lead to nothing is not named.
WITH mine AS (
    SELECT m.record_id, h.source, h.source_record_id
    FROM membership m JOIN source_record h ON h.record_id = m.record_id
    WHERE m.person_id = %(person_id)s AND m.to_at IS NULL
    UNION ALL
    SELECT m.record_id, h.source, h.source_record_id
    FROM segregated.membership m JOIN segregated.source_record h ON h.record_id = m.record_id
    WHERE m.person_id = %(person_id)s AND m.to_at IS NULL
), ever AS (
    SELECT m.person_id FROM mine JOIN membership m ON m.record_id = mine.record_id
    UNION
    SELECT m.person_id FROM mine JOIN segregated.membership m ON m.record_id = mine.record_id
)
SELECT d.disclosure_id, d.at, d.client_id, d.user_id, d.purpose, d.action,
       CASE WHEN sealed_away(d.person_id) THEN %(person_id)s ELSE d.person_id END, p.source, p.id,
       ARRAY(SELECT json_array_elements_text(p.clauses)), ARRAY(SELECT json_array_elements_text(p.attributes)), d.request_id,
       seal_state(d)
FROM ever
JOIN disclosure d ON d.person_id = ever.person_id AND d.outcome = 'released'
CROSS JOIN LATERAL json_to_recordset(d.pointers) AS p (source text, id text, clauses json, attributes json)
JOIN mine ON mine.source = p.source AND mine.source_record_id = p.id
WHERE d.at >= %(from_at)s AND d.at < %(until_at)s
ORDER BY d.disclosure_id, p.source, p.id

-- name: entries
-- Rows of the ledger from one number on, whole, for export.
SELECT disclosure_id, at, client_id, user_id, purpose, action, outcome, reason, application_id, person_id,
       pointers::text, request_id
FROM disclosure
WHERE disclosure_id > %(after)s
ORDER BY disclosure_id
LIMIT %(limit)s

-- name: agreement_documents
-- The texts of all versions of agreements that were ever applied.
SELECT agreement_id || '/' || version, document::text FROM agreement_version

-- name: note_explained
-- That an operator was shown the pointers of a person, by a command and not through the service.
INSERT INTO disclosure (at, client_id, user_id, purpose, action, outcome, application_id, person_id, pointers)
VALUES (clock_timestamp(), %(client)s, %(who)s, %(purpose)s, %(action)s, 'released',
        (SELECT max(application_id) FROM agreement_application), %(person_id)s, %(pointers)s)

-- name: note_records_shown
-- That an operator was given keys of records by a command: a row for each person that has some of them now, and one for
-- those that belong to nobody.
INSERT INTO disclosure (at, client_id, user_id, purpose, action, outcome, application_id, person_id, pointers)
SELECT clock_timestamp(), %(client)s, %(who)s, %(purpose)s, %(action)s, 'released',
       (SELECT max(application_id) FROM agreement_application), m.person_id,
       json_agg(json_build_object('source', k.source, 'id', k.id, 'clauses', '[]'::json, 'attributes', '[]'::json)
                ORDER BY k.source, k.id)
FROM (SELECT DISTINCT * FROM unnest(%(sources)s::text[], %(ids)s::text[]) AS u (source, id)) AS k
LEFT JOIN (SELECT source, source_record_id, record_id FROM source_record
           UNION ALL
           SELECT source, source_record_id, record_id FROM segregated.source_record) r
    ON r.source = k.source AND r.source_record_id = k.id
LEFT JOIN (SELECT record_id, person_id FROM membership WHERE to_at IS NULL
           UNION ALL
           SELECT record_id, person_id FROM segregated.membership WHERE to_at IS NULL) m ON m.record_id = r.record_id
GROUP BY m.person_id
