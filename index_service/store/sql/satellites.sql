-- name: enter_partition
-- From here on the names of tables are those of the segregated partition, until it is left or the transaction ends.
SET LOCAL search_path = segregated, pg_temp

-- name: leave_partition
-- The names of tables are those of the index again.
SET LOCAL search_path TO DEFAULT

-- name: enter_for_session
-- The same for work of several transactions.
SET search_path = segregated, pg_temp

-- name: leave_for_session
-- Back to the index's own tables.
RESET search_path

-- name: lock
-- Segregated records are attached by one at a time: waits its turn; held until the commit.
SELECT pg_advisory_xact_lock(%(key)s)

-- name: note_source
-- That records of a source came.
INSERT INTO segregated.known_source (source) VALUES (%(source)s) ON CONFLICT DO NOTHING

-- name: known_sources
-- Segregated sources of which records ever came.
SELECT source FROM segregated.known_source ORDER BY source

-- name: in_the_index
-- Whether the index itself holds records of a source.
SELECT EXISTS (SELECT FROM public.source_record WHERE source = %(source)s)

-- name: attached_as_of
-- Up to which state of the index the segregated records have followed it.
SELECT last_run, relinks FROM segregated.attached_as_of

-- name: state_of_index
-- The state that it is in: the newest run, and which relinks were published or undone.
SELECT (SELECT coalesce(max(run_id), 0) FROM run),
       (SELECT count(*) || ':' || coalesce(max(run_id), 0) || ':' || count(*) FILTER (WHERE status = 'undone')
        FROM run WHERE kind IN ('full', 'changed', 'undo') AND status IN ('published', 'undone'))

-- name: note_attached_as_of
-- That state, once what it concerns waits to be weighed again.
INSERT INTO segregated.attached_as_of (last_run, relinks) VALUES (%(last_run)s, %(relinks)s)
ON CONFLICT (only_one) DO UPDATE SET last_run = EXCLUDED.last_run, relinks = EXCLUDED.relinks

-- name: all_wait
-- After a relink every record is weighed again.
INSERT INTO segregated.record_to_link (record_id, version)
SELECT record_id, current_version FROM segregated.source_record WHERE NOT withdrawn
ON CONFLICT DO NOTHING

-- name: concerned_wait
-- After live linking those are weighed again that were weighed with a record that changed or moved, or with a person
-- that it came from or went to, and those that share a blocking key with it now.
WITH changed AS MATERIALIZED (
    SELECT unnest(%(record_ids)s::bigint[]) AS record_id
), concerned AS (
    SELECT g.record_id FROM segregated.regard g WHERE g.records && %(record_ids)s::bigint[]
    UNION
    SELECT g.record_id FROM segregated.regard g
    WHERE g.persons && ARRAY(SELECT DISTINCT m.person_id FROM membership m JOIN changed USING (record_id))
    UNION
    SELECT s.record_id FROM changed JOIN record_key k USING (record_id) JOIN segregated.record_key s ON s.keys && k.keys
)
INSERT INTO segregated.record_to_link (record_id, version)
SELECT record_id, current_version FROM concerned JOIN segregated.source_record USING (record_id)
ON CONFLICT DO NOTHING

-- name: note_waiting
-- These are weighed again.
INSERT INTO segregated.record_to_link (record_id, version)
SELECT record_id, current_version FROM segregated.source_record WHERE record_id = ANY (%(record_ids)s)
ON CONFLICT DO NOTHING

-- name: waiting
-- Some of the records that wait.
SELECT record_id FROM segregated.record_to_link ORDER BY record_id DESC LIMIT %(limit)s

-- name: forget_waiting
-- They have been weighed.
DELETE FROM segregated.record_to_link WHERE record_id = ANY (%(record_ids)s)

-- name: records
-- Segregated records as they are now, with whom they belong to; those withdrawn have no normalised record.
SELECT h.record_id, h.current_version, h.source, h.source_record_id, m.person_id, o.person_id, n.version, {columns}
FROM segregated.source_record h
LEFT JOIN segregated.normalised_record n USING (record_id)
LEFT JOIN segregated.membership m ON m.record_id = h.record_id AND m.to_at IS NULL
LEFT JOIN segregated.own_person o ON o.record_id = h.record_id
WHERE h.record_id = ANY (%(record_ids)s)
ORDER BY h.record_id DESC

-- name: without_keys
-- Records that a load brought, whose blocking keys are still to be derived.
SELECT n.record_id, n.version, {columns}
FROM segregated.normalised_record n LEFT JOIN segregated.record_key k USING (record_id)
WHERE n.record_id = ANY (%(record_ids)s) AND k.version IS DISTINCT FROM n.version

-- name: write_keys
-- Their keys.
INSERT INTO segregated.record_key (record_id, version, keys) VALUES (%(record_id)s, %(version)s, %(keys)s)
ON CONFLICT (record_id) DO UPDATE SET version = EXCLUDED.version, keys = EXCLUDED.keys

-- name: forget_withdrawn
-- What was derived of records that are withdrawn.
WITH gone AS (
    SELECT h.record_id FROM segregated.source_record h WHERE h.record_id = ANY (%(record_ids)s) AND h.withdrawn
), keys AS (
    DELETE FROM segregated.record_key k USING gone WHERE k.record_id = gone.record_id
)
DELETE FROM segregated.regard g USING gone WHERE g.record_id = gone.record_id

-- name: said
-- What stewards said of records, by their place in the arrays, the latest first.
SELECT a.place - 1, j.kind, j.records
FROM unnest(%(sources)s::text[], %(ids)s::text[]) WITH ORDINALITY AS a (source, id, place)
JOIN segregated.judgement j ON j.source = a.source AND j.source_record_id = a.id
WHERE NOT EXISTS (SELECT FROM segregated.judgement_undone u WHERE u.judgement_id = j.judgement_id)
ORDER BY j.judgement_id DESC

-- name: persons_of
-- Whom records of the index belong to.
SELECT a.source, a.id, m.person_id
FROM unnest(%(sources)s::text[], %(ids)s::text[]) AS a (source, id)
JOIN source_record h ON h.source = a.source AND h.source_record_id = a.id AND NOT h.withdrawn
JOIN membership m ON m.record_id = h.record_id AND m.to_at IS NULL

-- name: end_membership
-- The record leaves its person.
UPDATE segregated.membership SET to_at = %(at)s WHERE record_id = %(record_id)s AND to_at IS NULL

-- name: begin_membership
-- The record belongs to a person, or stands alone.
INSERT INTO segregated.membership (record_id, person_id, from_at, probability, reason)
VALUES (%(record_id)s, %(person_id)s, %(at)s, %(probability)s, %(reason)s)

-- name: add_own_person
-- The id that a record has while it stands alone.
INSERT INTO segregated.own_person (person_id, record_id, created_at) VALUES (%(person_id)s, %(record_id)s, %(at)s)

-- name: add_event
-- What became of it.
INSERT INTO segregated.event (seq, kind, person_id, other_person_ids, record_id, records, at)
SELECT coalesce(max(seq), 0) + 1, %(kind)s, %(person_id)s, %(others)s::text[], %(record_id)s, %(records)s, %(at)s
FROM segregated.event

-- name: note_regard
-- What it was weighed with.
INSERT INTO segregated.regard (record_id, records, persons)
VALUES (%(record_id)s, %(records)s::bigint[], %(persons)s::text[])
ON CONFLICT (record_id) DO UPDATE SET records = EXCLUDED.records, persons = EXCLUDED.persons

-- name: close_question
-- It is no longer in doubt.
UPDATE segregated.question SET closed_at = %(at)s WHERE record_id = %(record_id)s AND closed_at IS NULL

-- name: ask_question
-- It is in doubt; what was asked before is brought up to date.
INSERT INTO segregated.question (record_id, persons, weight_bits, asked_at)
VALUES (%(record_id)s, %(persons)s::text[], %(weights)s::double precision[], %(at)s)
ON CONFLICT (record_id) WHERE closed_at IS NULL
DO UPDATE SET persons = EXCLUDED.persons, weight_bits = EXCLUDED.weight_bits

-- name: now
-- The moment of a change; later than every membership that a record may have begun in the same transaction.
SELECT clock_timestamp()

-- name: questions
-- The open questions about records of some sources, the oldest first.
SELECT q.question_id, h.source, h.source_record_id, q.persons, q.weight_bits, q.asked_at
FROM segregated.question q JOIN segregated.source_record h USING (record_id)
WHERE q.closed_at IS NULL AND h.source = ANY (%(sources)s)
ORDER BY q.question_id

-- name: question
-- One of them.
SELECT q.question_id, h.source, h.source_record_id, q.persons, q.weight_bits, q.asked_at
FROM segregated.question q JOIN segregated.source_record h USING (record_id)
WHERE q.closed_at IS NULL AND q.question_id = %(question_id)s AND h.source = ANY (%(sources)s)

-- name: record_id
-- The number of a record that is not withdrawn.
SELECT record_id FROM segregated.source_record
WHERE source = %(source)s AND source_record_id = %(source_record_id)s AND NOT withdrawn

-- name: add_judgement
-- What a steward says.
INSERT INTO segregated.judgement (kind, source, source_record_id, records, reason, decided_by)
VALUES (%(kind)s, %(source)s, %(source_record_id)s, %(records)s, %(reason)s, %(who)s)
RETURNING judgement_id

-- name: undo_judgement
-- That it no longer holds; the record that it is about.
WITH undone AS (
    INSERT INTO segregated.judgement_undone (judgement_id, reason, undone_by)
    SELECT j.judgement_id, %(reason)s, %(who)s FROM segregated.judgement j
    WHERE j.judgement_id = %(judgement_id)s AND j.source = ANY (%(sources)s)
    ON CONFLICT DO NOTHING
    RETURNING judgement_id
)
SELECT h.record_id FROM undone
JOIN segregated.judgement j USING (judgement_id)
JOIN segregated.source_record h ON h.source = j.source AND h.source_record_id = j.source_record_id

-- name: attachments
-- Records with whom they belong to now, for who operates the index.
SELECT h.source, count(*), count(*) FILTER (WHERE m.person_id IS NOT NULL AND m.person_id IS DISTINCT FROM o.person_id),
       count(*) FILTER (WHERE m.person_id = o.person_id), count(*) FILTER (WHERE m.person_id IS NULL)
FROM segregated.source_record h
LEFT JOIN segregated.membership m ON m.record_id = h.record_id AND m.to_at IS NULL
LEFT JOIN segregated.own_person o ON o.record_id = h.record_id
WHERE NOT h.withdrawn
GROUP BY h.source ORDER BY h.source
