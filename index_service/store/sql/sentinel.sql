-- name: last_pass
-- Up to which event and when the sentinel has looked, and whether all records have been linked anew since: by a run that
-- was published since, whenever it began.
SELECT p.up_to_seq, p.at, EXISTS (
    SELECT FROM run WHERE finished_at >= p.at AND kind = 'full' AND status = 'published'
)
FROM sentinel_pass p ORDER BY p.pass_id DESC LIMIT 1

-- name: newest
-- The newest event, the newest run that changed persons, and since when a write that is not seen yet may have begun.
SELECT coalesce((SELECT max(seq) FROM identity_event), 0), coalesce((SELECT max(run_id) FROM run), 0),
       (SELECT min(xact_start) FROM pg_stat_activity WHERE datname = current_database())

-- name: add_pass
-- Notes what the sentinel found.
INSERT INTO sentinel_pass (up_to_seq, run_id, at, persons, findings)
VALUES (%(up_to_seq)s, %(run_id)s, %(at)s, %(persons)s, %(findings)s)
RETURNING pass_id

-- name: usual_size
-- How many records 999 of 1,000 persons have at most.
SELECT coalesce(percentile_disc(0.999) WITHIN GROUP (ORDER BY records), 1)
FROM (SELECT count(*) AS records FROM membership WHERE to_at IS NULL GROUP BY person_id) AS sizes

-- name: numbers_of
-- The identifiers on the records of persons: column, value.
SELECT DISTINCT v.field, v.value
FROM membership m JOIN normalised_record n USING (record_id)
CROSS JOIN LATERAL (
    SELECT 'ssn', n.ssn UNION ALL SELECT 'cin', n.cin UNION ALL SELECT 'identifiers', unnest(n.identifiers)
) AS v (field, value)
WHERE m.to_at IS NULL AND m.person_id = ANY (%(persons)s) AND v.value IS NOT NULL

-- name: records_of
-- The records that persons hold.
SELECT record_id FROM membership WHERE to_at IS NULL AND person_id = ANY (%(persons)s)

-- name: numbers_of_several
-- Identifiers that several persons bear: column, value, the persons, and how many records of each bear it. Of all
-- records, or of those given.
SELECT field, value, array_agg(person_id ORDER BY person_id), array_agg(records ORDER BY person_id)
FROM (
    SELECT v.field, v.value, m.person_id, count(*) AS records
    FROM normalised_record n
    JOIN membership m ON m.record_id = n.record_id AND m.to_at IS NULL
    CROSS JOIN LATERAL (
        SELECT 'ssn', n.ssn UNION ALL SELECT 'cin', n.cin UNION ALL SELECT 'identifiers', unnest(n.identifiers)
    ) AS v (field, value)
    WHERE v.value IS NOT NULL
      AND (%(record_ids)s::bigint[] IS NULL OR n.record_id = ANY (%(record_ids)s))
    GROUP BY v.field, v.value, m.person_id
) AS borne
GROUP BY field, value
HAVING count(*) > 1

-- name: sealed_away
-- Of some persons, those that a seal hides.
SELECT person_id FROM unnest(%(persons)s::text[]) AS asked (person_id)
WHERE (SELECT EXISTS (SELECT FROM adoption_seal_second)) AND sealed_away(person_id)

-- name: suspects
-- Persons with several records of which the sentinel has something to ask: of all of them, or of some. Where linking has
-- told which persons' pairs may show a sign, these, the unknown, and no others are looked at for their pairs.
SELECT m.person_id
FROM membership m JOIN normalised_record n USING (record_id)
WHERE m.to_at IS NULL
  AND ((SELECT NOT EXISTS (SELECT FROM adoption_seal_second)) OR NOT sealed_away(m.person_id))
  AND (%(persons)s::text[] IS NULL OR m.person_id = ANY (%(persons)s))
GROUP BY m.person_id
HAVING count(*) > 1 AND (
    CASE WHEN %(may_show_a_sign)s::text[] IS NULL OR m.person_id = ANY (%(unknown)s)
        THEN count(*) >= %(bridged_records)s
          OR count(DISTINCT n.sex) > 1
          OR count(DISTINCT n.birth_date) FILTER (WHERE n.birth_estimated IS NOT TRUE) > 1
        ELSE m.person_id = ANY (%(may_show_a_sign)s)
    END
    OR count(*) > %(many_records)s
    OR max(n.birth_year) - min(n.birth_year) > %(most_years_between)s
    OR max(n.birth_year) > %(year)s
    OR min(n.birth_year) < %(year)s - %(oldest_person)s
    OR min(n.birth_year) FILTER (WHERE n.source = ANY (%(without_adults)s)) < %(year)s - %(oldest_child)s
    OR count(*) FILTER (WHERE n.source = ANY (%(deduplicated)s))
       > count(DISTINCT n.source) FILTER (WHERE n.source = ANY (%(deduplicated)s))
)
ORDER BY m.person_id

-- name: changed_persons
-- The persons that the sentinel has to look at: changed after an event, by another run than the one that is known, or
-- their records say something else since.
WITH told AS (
    SELECT person_id, other_person_ids FROM identity_event
    WHERE seq > %(after_seq)s AND run_id IS DISTINCT FROM %(known_run)s
)
SELECT person_id FROM told
UNION
SELECT unnest(other_person_ids) FROM told
UNION
SELECT m.person_id
FROM source_record_version v JOIN membership m ON m.record_id = v.record_id AND m.to_at IS NULL
WHERE v.recorded_at >= %(after)s

-- name: count_persons
-- All persons with several records.
SELECT count(*) FROM (
    SELECT FROM membership WHERE to_at IS NULL GROUP BY person_id HAVING count(*) > 1
) AS several

-- name: records_held
-- The records that persons hold now, each person's ascending.
SELECT m.person_id, array_agg(m.record_id ORDER BY m.record_id)
FROM membership m WHERE m.to_at IS NULL AND m.person_id = ANY (%(persons)s)
GROUP BY m.person_id

-- name: open_about
-- The question that is open about a person, or about two, the oldest first: number, the persons, what the sentinel said.
SELECT task_id, left_person_id, right_person_id, by_sentinel, signs, left_records, right_records, weight_bits
FROM review_task
WHERE status IN ('open', 'waiting') AND left_person_id = ANY (%(persons)s) AND right_person_id = ANY (%(persons)s)
  AND before_version IS NULL
ORDER BY task_id

-- name: decided
-- The latest decision about the same two sides: weight and signs at that time.
SELECT weight_bits, signs FROM review_task
WHERE task_id = latest_decision(%(left_records)s::bigint[], %(right_records)s::bigint[])

-- name: attach
-- A question that is open about the same already shows the signs too; one of the sentinel's gets the sides of now.
UPDATE review_task t
SET signs = %(signs)s, version = t.version + 1,
    kind = CASE WHEN t.by_sentinel THEN %(kind)s ELSE t.kind END,
    left_record_id = CASE WHEN t.by_sentinel THEN %(left_record)s ELSE t.left_record_id END,
    right_record_id = CASE WHEN t.by_sentinel THEN %(right_record)s ELSE t.right_record_id END,
    left_person_id = CASE WHEN t.by_sentinel THEN %(person_id)s ELSE t.left_person_id END,
    right_person_id = CASE WHEN t.by_sentinel THEN %(other_person_id)s ELSE t.right_person_id END,
    left_records = CASE WHEN t.by_sentinel THEN %(left_records)s ELSE t.left_records END,
    right_records = CASE WHEN t.by_sentinel THEN %(right_records)s ELSE t.right_records END,
    fields = CASE WHEN t.by_sentinel THEN %(fields)s ELSE t.fields END,
    weight_bits = CASE WHEN t.by_sentinel THEN %(weight_bits)s ELSE t.weight_bits END,
    pairs = CASE WHEN t.by_sentinel THEN %(pairs)s ELSE t.pairs END,
    sources = CASE WHEN t.by_sentinel THEN %(sources)s ELSE t.sources END,
    in_care = %(in_care)s
WHERE t.task_id = %(task_id)s

-- name: ask_again
-- A linking has closed the sentinel's question, which stands all the same.
UPDATE review_task t
SET status = 'open', closed_at = NULL, closed_why = NULL, version = t.version + 1, signs = %(signs)s, kind = %(kind)s,
    left_person_id = %(person_id)s, right_person_id = %(other_person_id)s, left_records = %(left_records)s,
    right_records = %(right_records)s, fields = %(fields)s, weight_bits = %(weight_bits)s, pairs = %(pairs)s,
    sources = %(sources)s, in_care = %(in_care)s
WHERE t.task_id = (
    SELECT o.task_id FROM review_task o
    WHERE o.by_sentinel AND o.status = 'closed' AND o.left_record_id = %(left_record)s AND o.right_record_id = %(right_record)s
    ORDER BY o.task_id DESC LIMIT 1
)
RETURNING t.task_id

-- name: ask
-- A question of the sentinel that is new; a court that waits for the person gives the day.
INSERT INTO review_task (
    kind, left_record_id, right_record_id, left_person_id, right_person_id, left_records, right_records, weight_bits,
    pairs, fields, sources, in_care, due_on, due_why, signs, by_sentinel, run_id, created_at
)
SELECT %(kind)s, %(left_record)s, %(right_record)s, %(person_id)s, %(other_person_id)s, %(left_records)s, %(right_records)s,
       %(weight_bits)s, %(pairs)s, %(fields)s, %(sources)s, %(in_care)s, q.due_on, q.matter, %(signs)s, true, %(run_id)s,
       clock_timestamp()
FROM (SELECT) AS one
LEFT JOIN LATERAL (
    SELECT c.due_on, c.matter
    FROM court_question c JOIN source_record h USING (source, source_record_id)
    WHERE c.answered_at IS NULL AND h.record_id = ANY (%(left_records)s::bigint[] || %(right_records)s::bigint[])
    ORDER BY c.due_on, c.court_question_id LIMIT 1
) q ON true
ON CONFLICT DO NOTHING
RETURNING task_id

-- name: settle_others
-- The sentinel's questions that stand no longer: about any person, or about some. Signs are taken off linking's own.
UPDATE review_task
SET signs = '{}', version = version + 1,
    status = CASE WHEN by_sentinel THEN 'closed' ELSE status END,
    closed_at = CASE WHEN by_sentinel THEN clock_timestamp() END,
    closed_why = CASE WHEN by_sentinel THEN 'no_longer_in_doubt' END,
    claimed_by = CASE WHEN NOT by_sentinel THEN claimed_by END,
    claimed_until = CASE WHEN NOT by_sentinel THEN claimed_until END
WHERE status IN ('open', 'waiting') AND signs <> '{}' AND task_id <> ALL (%(standing)s)
  AND (%(persons)s::text[] IS NULL OR left_person_id = ANY (%(persons)s) OR right_person_id = ANY (%(persons)s))

-- name: told_since
-- To which clients the person was told of while both sides were one person, how often, for what purposes, since when,
-- until when, and how often it was told a record of the part that may leave.
WITH together AS (
    SELECT DISTINCT l.person_id, greatest(l.from_at, r.from_at) AS from_at,
           least(coalesce(l.to_at, 'infinity'), coalesce(r.to_at, 'infinity')) AS to_at
    FROM membership l
    JOIN membership r ON r.person_id = l.person_id
        AND l.from_at < coalesce(r.to_at, 'infinity') AND r.from_at < coalesce(l.to_at, 'infinity')
    WHERE l.record_id = ANY (%(left_records)s) AND r.record_id = ANY (%(right_records)s)
), leaving AS (
    SELECT source, source_record_id FROM source_record WHERE record_id = ANY (%(right_records)s)
), told AS (
    SELECT DISTINCT ON (d.disclosure_id) d.disclosure_id, d.client_id, d.purpose, d.at, EXISTS (
        SELECT FROM json_to_recordset(d.pointers) AS p (source text, id text)
        JOIN leaving e ON e.source = p.source AND e.source_record_id = p.id
    ) AS of_the_part
    FROM together t
    JOIN disclosure d ON d.person_id = t.person_id AND d.outcome = 'released' AND d.at >= t.from_at AND d.at < t.to_at
        AND d.client_id <> %(workbench)s
)
SELECT client_id, count(*), count(*) FILTER (WHERE of_the_part), min(at), max(at), array_agg(DISTINCT purpose)
FROM told GROUP BY client_id ORDER BY client_id

-- name: together_since
-- Since when both sides have been one person.
SELECT min(greatest(l.from_at, r.from_at))
FROM membership l JOIN membership r ON r.person_id = l.person_id AND r.to_at IS NULL
WHERE l.to_at IS NULL AND l.record_id = ANY (%(left_records)s) AND r.record_id = ANY (%(right_records)s)

-- name: standing
-- The open questions that show signs: number, person, signs, records of either side.
SELECT task_id, left_person_id, signs, left_records, right_records FROM review_task
WHERE status IN ('open', 'waiting') AND signs <> '{}' ORDER BY task_id

-- name: told_by_client
-- To which clients persons in open questions were told since both sides have been one: client, in how many questions.
WITH asked AS (
    SELECT task_id, left_records, right_records FROM review_task WHERE task_id = ANY (%(task_ids)s)
), left_side AS (
    SELECT a.task_id, m.person_id, m.from_at, coalesce(m.to_at, 'infinity') AS to_at
    FROM asked a CROSS JOIN unnest(a.left_records) AS record_id JOIN membership m USING (record_id)
), right_side AS (
    SELECT a.task_id, m.person_id, m.from_at, coalesce(m.to_at, 'infinity') AS to_at
    FROM asked a CROSS JOIN unnest(a.right_records) AS record_id JOIN membership m USING (record_id)
), together AS (
    SELECT DISTINCT task_id, person_id, greatest(l.from_at, r.from_at) AS from_at, least(l.to_at, r.to_at) AS to_at
    FROM left_side l JOIN right_side r USING (task_id, person_id)
    WHERE l.from_at < r.to_at AND r.from_at < l.to_at
)
SELECT d.client_id, count(DISTINCT t.task_id)
FROM together t
JOIN disclosure d ON d.person_id = t.person_id AND d.outcome = 'released' AND d.at >= t.from_at AND d.at < t.to_at
        AND d.client_id <> %(workbench)s
GROUP BY d.client_id ORDER BY d.client_id
