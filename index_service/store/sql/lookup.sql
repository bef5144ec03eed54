-- name: person_of_record
-- The person that a record belongs to at a time, whether the record is known, and whether its source withdrew it.
SELECT h.withdrawn, m.person_id
FROM source_record h
LEFT JOIN membership m
    ON m.record_id = h.record_id AND m.from_at <= %(at)s AND (m.to_at IS NULL OR m.to_at > %(at)s)
WHERE h.source = %(source)s AND h.source_record_id = %(source_record_id)s

-- name: person
-- The person asked for and, where that id was retired by then, the one that answers for it; with the records it had.
WITH RECURSIVE chain AS (
    SELECT p.person_id, p.created_at, coalesce(b.retired_at, p.retired_at) AS retired_at,
           CASE WHEN b.person_id IS NULL THEN p.forwards_to ELSE b.forwards_to END AS forwards_to, 0 AS step
    FROM person p
    LEFT JOIN person_retirement b
        ON b.person_id = p.person_id AND b.retired_at <= %(at)s AND %(at)s < b.revived_at
    WHERE p.person_id = %(person_id)s AND p.created_at <= %(at)s
    UNION ALL
    SELECT p.person_id, p.created_at, coalesce(b.retired_at, p.retired_at),
           CASE WHEN b.person_id IS NULL THEN p.forwards_to ELSE b.forwards_to END, c.step + 1
    FROM chain c
    JOIN person p ON p.person_id = c.forwards_to
    LEFT JOIN person_retirement b
        ON b.person_id = p.person_id AND b.retired_at <= %(at)s AND %(at)s < b.revived_at
    WHERE c.retired_at <= %(at)s
), asked AS (
    SELECT * FROM chain ORDER BY step LIMIT 1
), answering AS (
    SELECT * FROM chain ORDER BY step DESC LIMIT 1
)
SELECT
    w.person_id, w.created_at, w.retired_at <= %(at)s AS is_retired,
    a.person_id AS asked_person_id, CASE WHEN a.retired_at <= %(at)s THEN a.retired_at END AS asked_retired_at,
    h.source, h.source_record_id, m.from_at, m.probability, m.reason
FROM asked a
CROSS JOIN answering w
LEFT JOIN membership m
    JOIN source_record h ON h.record_id = m.record_id AND (%(is_past)s OR NOT h.withdrawn)
    ON m.person_id = w.person_id AND m.from_at <= %(at)s AND (m.to_at IS NULL OR m.to_at > %(at)s)
ORDER BY h.source, h.source_record_id

-- name: person_ever
-- The life of an id; none of one that an adoption seal lets lead to nothing.
SELECT person_id, created_at, retired_at, forwards_to FROM person
WHERE person_id = %(person_id)s AND NOT sealed_away(person_id)

-- name: memberships_ever
-- Every record that ever belonged to an id.
SELECT h.source, h.source_record_id, m.from_at, m.to_at, m.probability, m.reason, m.run_id
FROM membership m JOIN source_record h USING (record_id)
WHERE m.person_id = %(person_id)s
ORDER BY m.from_at, h.source, h.source_record_id

-- name: events_of_person
-- Every event in which an id has a part, on either side; nothing of persons that an adoption seal hides.
SELECT seq, kind, person_id, ARRAY(SELECT o FROM unnest(other_person_ids) AS o WHERE NOT sealed_away(o)) AS other_person_ids,
       records, run_id, at
FROM (
    SELECT * FROM identity_event WHERE person_id = %(person_id)s
    UNION
    SELECT * FROM identity_event WHERE other_person_ids @> ARRAY[%(person_id)s] AND other_person_ids <> '{}'
) AS told
WHERE NOT sealed_away(person_id)
ORDER BY seq

-- name: events
-- Events after a sequence number, in order.
SELECT seq, kind, person_id, other_person_ids, records, run_id, at
FROM identity_event
WHERE seq > %(after)s
ORDER BY seq
LIMIT %(limit)s

-- name: count_migrations
-- How many migrations are applied.
SELECT count(*) FROM schema_migration

-- name: last_seq
-- The newest sequence number, 0 before the first event.
SELECT coalesce(max(seq), 0) FROM identity_event
