-- name: add_seal
-- Notes that a seal is asked for; returns its number.
INSERT INTO adoption_seal (reason, keeps_name, proposed_by) VALUES (%(reason)s, %(keeps_name)s, %(who)s)
RETURNING seal_id

-- name: name_records
-- The records of one side.
INSERT INTO adoption_seal_record (seal_id, record_id, side, origin)
SELECT %(seal_id)s, record_id, %(side)s, 'named' FROM unnest(%(record_ids)s::bigint[]) AS record_id

-- name: second
-- What the second person said of a seal.
INSERT INTO adoption_seal_second (seal_id, agrees, reason, decided_by)
VALUES (%(number)s, %(agrees)s, %(reason)s, %(who)s)

-- name: retire_ids
-- The ids that lead to nothing from now on: those of the records of the time before, those that held one and retired,
-- and all that forward to one of these.
WITH RECURSIVE held AS (
    SELECT m.person_id
    FROM adoption_seal_record r JOIN membership m USING (record_id) JOIN person p USING (person_id)
    WHERE r.seal_id = %(seal_id)s AND r.side = 'before' AND (m.to_at IS NULL OR p.retired_at IS NOT NULL)
    UNION
    SELECT p.person_id FROM held JOIN person p ON p.forwards_to = held.person_id
)
INSERT INTO adoption_seal_id (seal_id, person_id) SELECT %(seal_id)s, person_id FROM held RETURNING person_id

-- name: values_before
-- What the time before says that the time after must not; a name that the child keeps is of neither.
INSERT INTO adoption_seal_value (seal_id, side, kind, digest)
SELECT DISTINCT r.seal_id, 'before', v.kind, v.digest
FROM adoption_seal_record r
JOIN adoption_seal s USING (seal_id)
JOIN normalised_record n USING (record_id)
CROSS JOIN LATERAL adoption_values(n) v
WHERE r.seal_id = %(seal_id)s AND r.side = 'before'
  AND NOT (s.keeps_name AND v.kind = 'name' AND EXISTS (
      SELECT FROM adoption_seal_record a
      JOIN normalised_record m USING (record_id)
      CROSS JOIN LATERAL adoption_values(m) w
      WHERE a.seal_id = r.seal_id AND a.side = 'after' AND w.digest = v.digest))

-- name: values_after
-- What the time after says, as far as the time before does not.
INSERT INTO adoption_seal_value (seal_id, side, kind, digest)
SELECT DISTINCT r.seal_id, 'after', v.kind, v.digest
FROM adoption_seal_record r
JOIN adoption_seal s USING (seal_id)
JOIN normalised_record n USING (record_id)
CROSS JOIN LATERAL adoption_values(n) v
WHERE r.seal_id = %(seal_id)s AND r.side = 'after'
  AND NOT EXISTS (
      SELECT FROM adoption_seal_record b
      JOIN normalised_record m USING (record_id)
      CROSS JOIN LATERAL adoption_values(m) w
      WHERE b.seal_id = r.seal_id AND b.side = 'before' AND w.digest = v.digest)

-- name: seals
-- Seals with what became of them, the newest first: one, those of a record, or all.
SELECT s.seal_id, s.reason, s.keeps_name, s.proposed_by, s.proposed_at, a.agrees, a.decided_by, a.decided_at,
       u.unsealing_id, u.reason, u.proposed_by, u.proposed_at, b.agrees, b.decided_by, b.decided_at,
       (SELECT count(*) FROM adoption_seal_record r WHERE r.seal_id = s.seal_id AND r.side = 'before'),
       (SELECT count(*) FROM adoption_seal_record r WHERE r.seal_id = s.seal_id AND r.side = 'after'),
       (SELECT count(*) FROM adoption_seal_record r WHERE r.seal_id = s.seal_id AND r.side = 'apart')
FROM adoption_seal s
LEFT JOIN adoption_seal_second a USING (seal_id)
LEFT JOIN LATERAL (
    SELECT * FROM adoption_unsealing u WHERE u.seal_id = s.seal_id ORDER BY u.unsealing_id DESC LIMIT 1
) u ON true
LEFT JOIN adoption_unsealing_second b USING (unsealing_id)
WHERE (%(seal_id)s::bigint IS NULL OR s.seal_id = %(seal_id)s)
  AND (%(source)s::text IS NULL OR EXISTS (
      SELECT FROM adoption_seal_record r JOIN source_record h USING (record_id)
      WHERE r.seal_id = s.seal_id AND r.origin = 'named' AND h.source = %(source)s
        AND h.source_record_id = %(source_record_id)s))
ORDER BY s.seal_id DESC

-- name: named
-- The records that a seal names, by side.
SELECT r.side, h.record_id, h.source, h.source_record_id, h.current_version, h.withdrawn, m.person_id
FROM adoption_seal_record r
JOIN source_record h USING (record_id)
LEFT JOIN membership m ON m.record_id = h.record_id AND m.to_at IS NULL
WHERE r.seal_id = %(seal_id)s AND r.origin = 'named'
ORDER BY h.record_id

-- name: records_of
-- All records that stand under a seal.
SELECT record_id FROM adoption_seal_record WHERE seal_id = %(seal_id)s ORDER BY record_id

-- name: first_reason
-- Why the records of the time after belonged to their first person: what most of them have.
SELECT reason FROM (
    SELECT DISTINCT ON (m.record_id) m.record_id, m.reason
    FROM adoption_seal_record r JOIN membership m USING (record_id)
    WHERE r.seal_id = %(seal_id)s AND r.side = 'after' AND r.origin = 'named'
    ORDER BY m.record_id, m.from_at
) AS first GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 1

-- name: court_order
-- A court order that is on file and in force for a record that a seal names.
SELECT c.consent_id
FROM adoption_seal_record r JOIN consent c USING (record_id)
WHERE r.seal_id = %(seal_id)s AND r.origin = 'named' AND c.kind = 'court_order'
  AND c.from_at <= clock_timestamp() AND (c.until_at IS NULL OR clock_timestamp() < c.until_at)
  AND NOT EXISTS (SELECT FROM consent_revoked v WHERE v.consent_id = c.consent_id)
ORDER BY c.consent_id DESC LIMIT 1

-- name: add_unsealing
-- Notes that a seal shall be opened; returns the number.
INSERT INTO adoption_unsealing (seal_id, consent_id, reason, proposed_by)
VALUES (%(seal_id)s, %(consent_id)s, %(reason)s, %(who)s)
RETURNING unsealing_id

-- name: second_of_unsealing
-- What the second person said of an unsealing.
INSERT INTO adoption_unsealing_second (unsealing_id, agrees, reason, decided_by)
VALUES (%(number)s, %(agrees)s, %(reason)s, %(who)s)

-- name: sides
-- The records under seals in force, by seal and side: all, or those of some keys.
SELECT r.seal_id, r.side, h.source, h.source_record_id
FROM adoption_seal_record r
JOIN adoption_seal_in_force USING (seal_id)
JOIN source_record h USING (record_id)
WHERE %(sources)s::text[] IS NULL OR EXISTS (
    SELECT FROM unnest(%(sources)s::text[], %(ids)s::text[]) AS a (source, id)
    WHERE a.source = h.source AND a.id = h.source_record_id)
ORDER BY r.seal_id, r.side

-- name: any_seals
-- Whether a seal was ever made.
SELECT EXISTS (SELECT FROM adoption_seal_second)

-- name: touched
-- Whether some of these records are of a sealed time, and whether some are of a person that was adopted.
SELECT coalesce(bool_or(sealed_away_record(h.record_id)), false),
       coalesce(bool_or(EXISTS (
           SELECT FROM membership mine
           JOIN membership m ON m.person_id = mine.person_id AND m.to_at IS NULL
           JOIN adoption_seal_record r ON r.record_id = m.record_id AND r.side = 'after' AND r.origin <> 'value'
           JOIN adoption_seal_in_force USING (seal_id)
           WHERE mine.record_id = h.record_id AND mine.to_at IS NULL)), false)
FROM unnest(%(sources)s::text[], %(ids)s::text[]) AS a (source, id)
JOIN source_record h ON h.source = a.source AND h.source_record_id = a.id

-- name: hidden
-- All records that are as if they were not there.
SELECT m.record_id FROM membership m
WHERE m.to_at IS NULL AND EXISTS (SELECT FROM adoption_seal_second) AND sealed_away(m.person_id)
