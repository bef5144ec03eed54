-- name: provenance
-- Of records that are told: the source's own date, when the version that holds came, and when a steward last held the
-- record together with another of those told. Judgements that reach beyond them say nothing here.
WITH told AS (
    SELECT h.record_id, h.source, h.source_record_id, h.record_date, h.current_version
    FROM unnest(%(sources)s::text[], %(ids)s::text[]) AS a (source, id)
    JOIN source_record h ON h.source = a.source AND h.source_record_id = a.id
)
SELECT t.source, t.source_record_id, t.record_date, v.recorded_at, (
    SELECT max(j.decided_at)
    FROM judgement_record mine
    JOIN judgement_in_force j ON j.judgement_id = mine.judgement_id
    JOIN judgement_record other ON other.judgement_id = mine.judgement_id AND other.part = mine.part AND other.held
    JOIN told o ON o.source = other.source AND o.source_record_id = other.source_record_id
    WHERE mine.source = t.source AND mine.source_record_id = t.source_record_id AND mine.held
      AND o.record_id <> t.record_id
)
FROM told t JOIN source_record_version v ON v.record_id = t.record_id AND v.version = t.current_version

-- name: standing
-- When each of some records came first, and whose it is now.
SELECT h.source, h.source_record_id, m.person_id,
       (SELECT min(v.recorded_at) FROM source_record_version v WHERE v.record_id = h.record_id)
FROM unnest(%(sources)s::text[], %(ids)s::text[]) AS a (source, id)
JOIN source_record h ON h.source = a.source AND h.source_record_id = a.id
LEFT JOIN membership m ON m.record_id = h.record_id AND m.to_at IS NULL AND NOT h.withdrawn

-- name: open_tasks
-- Questions about a person that stewards have not decided, with the keys of the records on either side.
SELECT t.task_id, t.kind, t.left_person_id, t.right_person_id,
       (SELECT json_agg(json_build_array(l.source, l.source_record_id)) FROM source_record l
        WHERE l.record_id = ANY (t.left_records)),
       (SELECT json_agg(json_build_array(r.source, r.source_record_id)) FROM source_record r
        WHERE r.record_id = ANY (t.right_records))
FROM review_task t
WHERE t.status IN ('open', 'waiting') AND %(person)s IN (t.left_person_id, t.right_person_id)
ORDER BY t.task_id

-- name: still_open
-- Which of some questions are not decided yet.
SELECT task_id FROM review_task WHERE task_id = ANY (%(tasks)s) AND status IN ('open', 'waiting')

-- name: notices
-- The words that travel with what the agreements in force allow a client to learn for a purpose.
SELECT DISTINCT v.document ->> 'redisclosure_notice'
FROM agreement_permit p
JOIN agreement_version v ON p.agreement = v.agreement_id || '/' || v.version
WHERE p.application_id = (SELECT max(application_id) FROM agreement_application)
  AND p.client_id = %(client)s AND p.purpose = %(purpose)s AND p.action = 'pointers'
  AND p.from_at <= clock_timestamp() AND clock_timestamp() < p.until_at
  AND v.document ->> 'redisclosure_notice' <> ''
ORDER BY 1

-- name: add_packet
-- What a caller was told, under the digest of its token.
INSERT INTO packet (token_digest, client_id, purpose, person_id, records, tasks, expires_at)
VALUES (%(digest)s, %(client)s, %(purpose)s, %(person)s, %(records)s, %(tasks)s,
        clock_timestamp() + make_interval(days => %(days)s))

-- name: forget_expired
-- Packets whose tokens mean nothing any more, a few at a time.
DELETE FROM packet WHERE token_digest IN (
    SELECT token_digest FROM packet WHERE expires_at <= clock_timestamp() LIMIT 20 FOR UPDATE SKIP LOCKED)

-- name: packet
-- What a token stands for; nothing for another client, another purpose, or after it has expired.
SELECT person_id, records, tasks, asked_at FROM packet
WHERE token_digest = %(digest)s AND client_id = %(client)s AND purpose = %(purpose)s
  AND expires_at > clock_timestamp()

-- name: is_waiting
-- Whether a caller already waits for an answer about a record, by that day or sooner.
SELECT EXISTS (
    SELECT FROM court_question
    WHERE source = %(source)s AND source_record_id = %(source_record_id)s AND matter = %(matter)s
      AND asked_by = %(who)s AND due_on <= %(due_on)s AND answered_at IS NULL)

-- name: waiting_about
-- The questions of a caller about a person that wait for an answer.
SELECT DISTINCT c.court_question_id
FROM membership m
JOIN source_record h USING (record_id)
JOIN court_question c ON c.source = h.source AND c.source_record_id = h.source_record_id
WHERE m.person_id = %(person)s AND m.to_at IS NULL
  AND c.asked_by = %(who)s AND c.matter = ANY (%(matters)s) AND c.answered_at IS NULL
ORDER BY 1
