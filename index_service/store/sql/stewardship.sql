-- name: task
-- A task with everything kept of it, and the lease as it stands now; none about what an adoption seal hides.
SELECT {columns} FROM review_task t
WHERE t.task_id = %(task_id)s
  AND ((SELECT NOT EXISTS (SELECT FROM adoption_seal_second)) OR NOT EXISTS (
      SELECT FROM unnest(t.left_records || t.right_records) AS r (record_id) WHERE sealed_away_record(r.record_id)))

-- name: lock_task
-- The same, kept from being changed by others until the commit.
SELECT {columns} FROM review_task t WHERE t.task_id = %(task_id)s FOR UPDATE

-- name: tasks
-- The queue in its order: days of a court first, then children in care, then how many systems are concerned, then how
-- near to even odds the question stands. For a caller of the API, those that it may review; the inner query is kept apart,
-- so that this is asked of no more than it takes to fill a page.
SELECT {columns} FROM (SELECT t.* FROM review_task t
WHERE (%(statuses)s::text[] IS NULL OR t.status = ANY (%(statuses)s))
  AND (%(kinds)s::text[] IS NULL OR t.kind = ANY (%(kinds)s))
  AND (%(source)s::text IS NULL OR %(source)s = ANY (t.sources))
  AND (%(county)s::text IS NULL OR EXISTS (
      SELECT FROM normalised_record n
      WHERE n.record_id = ANY (t.left_records || t.right_records)
        AND (starts_with(n.source_record_id, %(county)s || ':') OR starts_with(n.case_id, %(county)s || ':')
             OR EXISTS (SELECT FROM unnest(n.identifiers) AS i (typed)
                        WHERE split_part(i.typed, ':', 2) = %(county)s AND split_part(i.typed, ':', 3) <> ''))))
  AND (%(least_bits)s::float8 IS NULL OR t.weight_bits >= %(least_bits)s)
  AND (%(most_bits)s::float8 IS NULL OR t.weight_bits <= %(most_bits)s)
  AND (%(before)s::timestamptz IS NULL OR t.created_at <= %(before)s)
  AND (%(person)s::text IS NULL OR %(person)s IN (t.left_person_id, t.right_person_id))
  AND (%(assignee)s::text IS NULL OR (t.claimed_by = %(assignee)s AND t.claimed_until > clock_timestamp()))
  AND (NOT %(unclaimed)s OR t.claimed_until IS NULL OR t.claimed_until <= clock_timestamp())
  AND (NOT %(asked_senior)s OR t.asked_senior OR t.status = 'waiting')
  AND (%(steward)s::text IS NULL OR NOT t.asked_senior OR (%(senior)s AND NOT EXISTS (
      SELECT FROM judgement j
      WHERE j.task_id = t.task_id AND j.kind = 'ask_second' AND j.decided_by = %(steward)s
        AND NOT EXISTS (SELECT FROM judgement_undone u WHERE u.judgement_id = j.judgement_id))))
  AND ((SELECT NOT EXISTS (SELECT FROM adoption_seal_second)) OR NOT EXISTS (
      SELECT FROM unnest(t.left_records || t.right_records) AS r (record_id) WHERE sealed_away_record(r.record_id)))
  AND (%(client)s::text IS NULL OR t.sources <@ %(reviewable)s::text[])
ORDER BY t.due_on, t.in_care DESC, cardinality(t.sources) DESC, abs(t.weight_bits), t.task_id
OFFSET 0) t
WHERE %(client)s::text IS NULL OR may_review(t.left_records || t.right_records, %(client)s, %(user)s, %(purpose)s)
LIMIT %(limit)s OFFSET %(skip)s

-- name: claim
-- Keeps a task for a steward; does nothing where another holds it.
UPDATE review_task
SET claimed_by = %(who)s, claimed_until = clock_timestamp() + make_interval(mins => %(minutes)s)
WHERE task_id = %(task_id)s AND status IN ('open', 'waiting')
  AND (claimed_by IS NULL OR claimed_by = %(who)s OR claimed_until <= clock_timestamp())
RETURNING claimed_until

-- name: release
-- Gives a task back.
UPDATE review_task SET claimed_by = NULL, claimed_until = NULL
WHERE task_id = %(task_id)s AND claimed_by = %(who)s

-- name: set_status
-- What a judgement does to its task.
UPDATE review_task
SET status = %(status)s, judgement_id = %(judgement_id)s, version = version + 1,
    closed_at = CASE WHEN %(status)s = 'decided' THEN clock_timestamp() END,
    closed_why = CASE WHEN %(status)s = 'decided' THEN 'decided' END,
    claimed_by = NULL, claimed_until = NULL,
    asked_senior = asked_senior OR %(asked_senior)s
WHERE task_id = %(task_id)s

-- name: reopen
-- A decision that is undone leaves its question open, unless the same is asked anew already; what the undoing changes
-- may close it again.
UPDATE review_task t
SET status = 'open', judgement_id = NULL, closed_at = NULL, closed_why = NULL, version = version + 1,
    claimed_by = NULL, claimed_until = NULL
WHERE t.judgement_id = %(judgement_id)s AND t.status IN ('decided', 'waiting')
  AND NOT EXISTS (
      SELECT FROM review_task o
      WHERE o.left_record_id = t.left_record_id AND o.right_record_id = t.right_record_id
        AND o.status IN ('open', 'waiting') AND o.task_id <> t.task_id)

-- name: forget_decision
-- Where it could not be opened again: it no longer counts as decided.
UPDATE review_task
SET status = 'closed', closed_why = 'no_longer_in_doubt', closed_at = clock_timestamp(), judgement_id = NULL,
    version = version + 1
WHERE judgement_id = %(judgement_id)s AND status IN ('decided', 'waiting')

-- name: records
-- Records by number: key, version that holds, whether withdrawn, and the person.
SELECT h.record_id, h.source, h.source_record_id, h.current_version, h.withdrawn, m.person_id
FROM source_record h LEFT JOIN membership m ON m.record_id = h.record_id AND m.to_at IS NULL
WHERE h.record_id = ANY (%(record_ids)s)
ORDER BY h.record_id

-- name: records_named
-- Records by key.
SELECT h.record_id, h.source, h.source_record_id, h.current_version, h.withdrawn, m.person_id
FROM unnest(%(sources)s::text[], %(ids)s::text[]) AS a (source, id)
JOIN source_record h ON h.source = a.source AND h.source_record_id = a.id
LEFT JOIN membership m ON m.record_id = h.record_id AND m.to_at IS NULL
ORDER BY h.record_id

-- name: records_of_persons
-- The records of persons that are not withdrawn.
SELECT h.record_id, h.source, h.source_record_id, h.current_version, h.withdrawn, m.person_id
FROM membership m JOIN source_record h USING (record_id)
WHERE m.to_at IS NULL AND NOT h.withdrawn AND m.person_id = ANY (%(persons)s)
ORDER BY h.record_id

-- name: changes_of_run
-- What a run did to memberships: record, from whom, to whom.
SELECT h.source, h.source_record_id, old.person_id, new.person_id
FROM source_record h
LEFT JOIN membership old ON old.record_id = h.record_id AND old.ended_run = %(run_id)s
LEFT JOIN membership new ON new.record_id = h.record_id AND new.run_id = %(run_id)s AND new.to_at IS NULL
WHERE h.record_id = ANY (%(record_ids)s) AND (old.person_id IS NOT NULL OR new.person_id IS NOT NULL)
ORDER BY h.source, h.source_record_id

-- name: events_of_run
-- What a run told of persons.
SELECT kind, person_id, other_person_ids FROM identity_event WHERE run_id = %(run_id)s ORDER BY seq

-- name: last_seq
-- The newest sequence number.
SELECT coalesce(max(seq), 0) FROM identity_event

-- name: counts
-- Open and waiting tasks by kind: how many, how many are claimed, the oldest, the first day of a court.
SELECT kind, count(*) FILTER (WHERE status = 'open'), count(*) FILTER (WHERE status = 'waiting'),
       count(*) FILTER (WHERE claimed_until > clock_timestamp()), min(created_at), min(due_on)
FROM review_task
WHERE status IN ('open', 'waiting') AND (%(sources)s::text[] IS NULL OR sources <@ %(sources)s)
GROUP BY kind ORDER BY kind

-- name: holders
-- Who works on tasks now.
SELECT DISTINCT claimed_by FROM review_task
WHERE status IN ('open', 'waiting') AND claimed_until > clock_timestamp() ORDER BY claimed_by

-- name: throughput
-- Tasks closed a day, by whether a steward decided them, and how long they had been open.
SELECT closed_at::date, status, count(*), avg(extract(epoch FROM closed_at - created_at))::float8
FROM review_task
WHERE closed_at >= clock_timestamp() - make_interval(days => %(days)s)
  AND (%(sources)s::text[] IS NULL OR sources <@ %(sources)s)
GROUP BY 1, 2 ORDER BY 1, 2

-- name: add_court_question
-- A court or the medication process waits to know who a child is.
INSERT INTO court_question (source, source_record_id, matter, due_on, asked_by)
VALUES (%(source)s, %(source_record_id)s, %(matter)s, %(due_on)s, %(who)s)
RETURNING court_question_id

-- name: hasten_tasks
-- The open tasks about the person of a record get the day.
UPDATE review_task t SET due_on = %(due_on)s, due_why = %(matter)s
FROM membership m JOIN source_record h USING (record_id)
WHERE h.source = %(source)s AND h.source_record_id = %(source_record_id)s AND m.to_at IS NULL
  AND t.status IN ('open', 'waiting') AND m.person_id IN (t.left_person_id, t.right_person_id)
  AND (t.due_on IS NULL OR t.due_on > %(due_on)s)

-- name: answer_court_question
-- A court no longer waits.
UPDATE court_question SET answered_at = clock_timestamp()
WHERE court_question_id = %(court_question_id)s AND answered_at IS NULL
RETURNING source, source_record_id

-- name: pending_day
-- The first day by which a court still waits about the person of a record.
SELECT c.due_on, c.matter
FROM membership mine
JOIN source_record me ON me.record_id = mine.record_id AND me.source = %(source)s
    AND me.source_record_id = %(source_record_id)s
JOIN membership m ON m.person_id = mine.person_id AND m.to_at IS NULL
JOIN source_record h ON h.record_id = m.record_id
JOIN court_question c ON c.source = h.source AND c.source_record_id = h.source_record_id AND c.answered_at IS NULL
WHERE mine.to_at IS NULL
ORDER BY c.due_on LIMIT 1

-- name: relax_tasks
-- The open tasks about the person of a record get the next day, or none.
UPDATE review_task t SET due_on = %(due_on)s, due_why = %(matter)s
FROM membership m JOIN source_record h USING (record_id)
WHERE h.source = %(source)s AND h.source_record_id = %(source_record_id)s AND m.to_at IS NULL
  AND t.status IN ('open', 'waiting') AND m.person_id IN (t.left_person_id, t.right_person_id)

-- name: value_of
-- What a record says in a column of the normalised record.
SELECT to_jsonb(n) -> %(field)s FROM normalised_record n WHERE n.record_id = %(record_id)s
