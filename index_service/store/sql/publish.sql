-- name: begin_run
-- Notes that a linking begins; returns its number.
INSERT INTO run (kind, model_fingerprint, policy) VALUES (%(kind)s, %(model)s, %(policy)s) RETURNING run_id

-- name: fail_dead_runs
-- Runs of processes that died: whoever holds the lock of relinks knows that no other can be running.
UPDATE run SET status = 'failed', finished_at = clock_timestamp() WHERE status = 'running'

-- name: note_published_run
-- A linking that publishes in the transaction it begins in; returns its number.
INSERT INTO run (kind, status, model_fingerprint, policy, counts, finished_at)
VALUES (%(kind)s, 'published', %(model)s, %(policy)s, %(counts)s, clock_timestamp())
RETURNING run_id

-- name: finish_run
-- Notes how a linking ended, beside what was noted before.
UPDATE run SET status = %(status)s, counts = counts || %(counts)s, timings = timings || %(timings)s,
    finished_at = clock_timestamp()
WHERE run_id = %(run_id)s

-- name: finish_running
-- The same, unless it has ended already.
UPDATE run SET status = %(status)s, counts = counts || %(counts)s, timings = timings || %(timings)s,
    finished_at = clock_timestamp()
WHERE run_id = %(run_id)s AND status = 'running'

-- name: note_decision
-- Who accepted or rejected what was over its budget.
UPDATE run SET decided_by = %(who)s, decided_at = clock_timestamp() WHERE run_id = %(run_id)s

-- name: note_put_off
-- How many records that came while the run went on wait for the next relink.
UPDATE run SET counts = counts || jsonb_build_object('put_off', %(records)s::bigint) WHERE run_id = %(run_id)s

-- name: running_since
-- When the linking that runs began.
SELECT run_id, started_at FROM run WHERE status = 'running' ORDER BY run_id DESC LIMIT 1

-- name: try_lock_relink
-- One relink at a time; held by the connection.
SELECT pg_try_advisory_lock(%(key)s)

-- name: unlock_relink
-- Lets the next relink begin.
SELECT pg_advisory_unlock(%(key)s)

-- name: try_lock_relink_until_commit
-- The same for a publication by itself; succeeds where the connection holds the lock already.
SELECT pg_try_advisory_xact_lock(%(key)s)

-- name: lock_publication
-- Memberships and the sequence of events are written by one at a time.
SELECT pg_advisory_xact_lock(%(key)s)

-- name: save_model
-- Keeps a model for ever; the same fingerprint is the same model.
INSERT INTO model (fingerprint, document) VALUES (%(fingerprint)s, %(document)s) ON CONFLICT (fingerprint) DO NOTHING

-- name: no_model_is_current
-- Before another becomes current.
UPDATE model SET is_current = false WHERE is_current AND fingerprint <> %(fingerprint)s

-- name: model_is_current
-- The model that new records are linked with from now on.
UPDATE model SET is_current = true WHERE fingerprint = %(fingerprint)s AND NOT is_current

-- name: current_model
-- The current model's fingerprint and text.
SELECT fingerprint, document::text FROM model WHERE is_current

-- name: model_document
-- The text of a model.
SELECT document::text FROM model WHERE fingerprint = %(fingerprint)s

-- name: has_staging
-- Whether this connection has its staging tables.
SELECT to_regclass('pg_temp.wanted') IS NOT NULL

-- name: create_staging
-- Temporary tables of this connection. What the run wants: one row per record in its scope, empty person for a record
-- without one; which persons share a component; what a steward shall be asked, and the open task that asks it already.
-- And what follows: what differs.
CREATE TEMP TABLE wanted (
    record_id   bigint NOT NULL,
    version     integer NOT NULL,
    person_id   text COLLATE "C",
    probability double precision,
    reason      text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE wanted_question (
    kind            text NOT NULL,
    left_person_id  text COLLATE "C" NOT NULL,
    right_person_id text COLLATE "C" NOT NULL,
    left_records    bigint[] NOT NULL,
    right_records   bigint[] NOT NULL,
    weight_bits     double precision NOT NULL,
    pairs           integer NOT NULL,
    fields          text[] NOT NULL,
    sources         text[] COLLATE "C" NOT NULL,
    in_care         boolean NOT NULL,
    question        integer GENERATED ALWAYS AS IDENTITY,
    task_id         bigint
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE wanted_component (
    person_id    text COLLATE "C" NOT NULL,
    component_id bigint NOT NULL
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE wanted_key (
    record_id bigint NOT NULL,
    version   integer NOT NULL,
    keys      bigint[] NOT NULL
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE change (
    record_id        bigint NOT NULL,
    source           text COLLATE "C" NOT NULL,
    source_record_id text COLLATE "C" NOT NULL,
    old_person       text COLLATE "C",
    new_person       text COLLATE "C",
    probability      double precision,
    reason           text,
    is_created       boolean,
    is_revived       boolean,
    old_forwards_to  text COLLATE "C",
    old_retires      boolean
) ON COMMIT DELETE ROWS

-- name: empty_staging
-- For another publication in the same transaction; to truncate them would have every statement on them planned anew.
WITH a AS (DELETE FROM wanted), b AS (DELETE FROM wanted_question), c AS (DELETE FROM wanted_component),
     d AS (DELETE FROM wanted_key)
DELETE FROM change

-- name: expect_few
-- Until the commit, plan for a few records, and only once. How many records share one of some keys is guessed a hundred
-- times too high, and what is staged is not known at all: whole tables would be read.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)

-- name: stage_few
-- Receives what a live request wants, in the place of what was published in the same transaction: at the price of one
-- statement, where a COPY into each table would cost three.
WITH a AS (DELETE FROM wanted), b AS (DELETE FROM wanted_question), c AS (DELETE FROM wanted_component),
     d AS (DELETE FROM wanted_key), e AS (DELETE FROM change),
records AS (
    INSERT INTO wanted (record_id, version, person_id, probability, reason)
    SELECT record_id, version, person_id, probability, reason
    FROM jsonb_to_recordset(%(wanted)s::jsonb)
        AS r (record_id bigint, version integer, person_id text, probability double precision, reason text)
), questions AS (
    INSERT INTO wanted_question (
        kind, left_person_id, right_person_id, left_records, right_records, weight_bits, pairs, fields, sources, in_care
    )
    SELECT kind, left_person_id, right_person_id, left_records, right_records, weight_bits, pairs, fields, sources,
           in_care
    FROM jsonb_to_recordset(%(questions)s::jsonb) AS q (
        kind text, left_person_id text, right_person_id text, left_records bigint[], right_records bigint[],
        weight_bits double precision, pairs integer, fields text[], sources text[], in_care boolean
    )
)
INSERT INTO wanted_component (person_id, component_id)
SELECT key, value::bigint FROM jsonb_each_text(%(components)s::jsonb)

-- name: copy_wanted
-- Receives what the run wants.
COPY wanted (record_id, version, person_id, probability, reason) FROM STDIN (FORMAT csv)

-- name: copy_wanted_questions
-- Receives what the run asks.
COPY wanted_question (
    kind, left_person_id, right_person_id, left_records, right_records, weight_bits, pairs, fields, sources, in_care
) FROM STDIN (FORMAT csv)

-- name: copy_wanted_components
-- Receives which persons share a component.
COPY wanted_component (person_id, component_id) FROM STDIN (FORMAT csv)

-- name: copy_wanted_keys
-- Receives blocking keys.
COPY wanted_key (record_id, version, keys) FROM STDIN (FORMAT csv)

-- name: analyze_wanted
-- So that a large publication is joined as a large one.
ANALYZE wanted, wanted_question

-- name: find_change
-- What differs from the memberships that hold; says how much that is, and how much of it ends a membership. A record that
-- got another version since the run read it is left alone.
WITH found AS (
    INSERT INTO change (record_id, source, source_record_id, old_person, new_person, probability, reason)
    SELECT w.record_id, h.source, h.source_record_id, m.person_id, w.person_id, w.probability, w.reason
    FROM wanted w
    JOIN source_record h ON h.record_id = w.record_id AND h.current_version = w.version
    LEFT JOIN membership m ON m.record_id = w.record_id AND m.to_at IS NULL
    WHERE w.person_id IS DISTINCT FROM m.person_id
    RETURNING old_person
)
SELECT count(*), count(old_person) FROM found

-- name: analyze_tasks
-- So that what stewards were asked is found by index from now on.
ANALYZE review_task

-- name: analyze_change
-- As for what is wanted.
ANALYZE change

-- name: judge_change
-- What must not be: persons that retired and are wanted again (an id is never used twice, unless a judgement that retired
-- it is undone), and records that the source has withdrawn and the run wants to be somebody's. How many records changed
-- or went since the run read them. And the moment of the publication: later than that of any before, even where the
-- clock was set back.
SELECT
    (
        SELECT count(*) FROM (SELECT DISTINCT new_person FROM change) AS c JOIN person p ON p.person_id = c.new_person
        WHERE p.retired_at IS NOT NULL
          AND (p.person_id <> ALL (%(revives)s)
               OR EXISTS (SELECT FROM adoption_seal_id s WHERE s.person_id = p.person_id))
    ),
    (
        SELECT count(*) FROM change c JOIN source_record h USING (record_id)
        WHERE h.withdrawn AND c.new_person IS NOT NULL
    ),
    (
        SELECT count(*) FROM wanted w
        WHERE NOT EXISTS (
            SELECT FROM source_record h WHERE h.record_id = w.record_id AND h.current_version = w.version
        )
    ),
    greatest(
        clock_timestamp(),
        (SELECT at FROM identity_event ORDER BY seq DESC LIMIT 1) + interval '1 microsecond'
    )

-- name: create_persons
-- Persons that were not there before.
WITH created AS (
    INSERT INTO person (person_id, created_at)
    SELECT DISTINCT c.new_person, %(at)s::timestamptz FROM change c
    WHERE c.new_person IS NOT NULL AND NOT EXISTS (SELECT FROM person p WHERE p.person_id = c.new_person)
    RETURNING person_id
)
UPDATE change c SET is_created = true FROM created WHERE created.person_id = c.new_person

-- name: revive_persons
-- Ids that a judgement had retired, which is undone, live again; that they were retired is kept.
WITH revived AS (
    UPDATE person p SET retired_at = NULL, forwards_to = NULL
    FROM person before
    WHERE p.person_id = ANY (%(revives)s) AND p.retired_at IS NOT NULL AND before.person_id = p.person_id
      AND EXISTS (SELECT FROM change c WHERE c.new_person = p.person_id)
    RETURNING p.person_id, before.retired_at, before.forwards_to
), kept AS (
    INSERT INTO person_retirement (person_id, retired_at, forwards_to, revived_at)
    SELECT person_id, retired_at, forwards_to, %(at)s FROM revived
    RETURNING person_id
)
UPDATE change c SET is_revived = true FROM kept WHERE kept.person_id = c.new_person

-- name: end_memberships
-- The memberships that no longer hold.
UPDATE membership m SET to_at = %(at)s, ended_run = %(run_id)s
FROM change c
WHERE m.record_id = c.record_id AND m.to_at IS NULL

-- name: begin_memberships
-- The memberships that hold from now on.
INSERT INTO membership (record_id, person_id, from_at, probability, reason, run_id)
SELECT record_id, new_person, %(at)s, probability, coalesce(reason, %(reason)s), %(run_id)s
FROM change WHERE new_person IS NOT NULL

-- name: retire_persons
-- Persons that have no record left; each forwards to the person that got most of its records, if any (ties: first id).
-- An id that a seal retires leads to nothing.
WITH emptied AS (
    SELECT DISTINCT c.old_person AS person_id FROM change c
    WHERE c.old_person IS NOT NULL
      AND NOT EXISTS (SELECT FROM membership m WHERE m.person_id = c.old_person AND m.to_at IS NULL)
), heir AS (
    SELECT DISTINCT ON (e.person_id) e.person_id, c.new_person
    FROM emptied e
    LEFT JOIN change c ON c.old_person = e.person_id AND c.new_person IS NOT NULL
    GROUP BY e.person_id, c.new_person
    ORDER BY e.person_id, count(c.record_id) DESC, c.new_person
), retired AS (
    UPDATE person p
    SET retired_at = %(at)s,
        forwards_to = CASE WHEN NOT EXISTS (SELECT FROM adoption_seal_id s WHERE s.person_id = heir.person_id)
                           THEN heir.new_person END
    FROM heir WHERE p.person_id = heir.person_id
    RETURNING p.person_id, p.forwards_to
)
UPDATE change c SET old_retires = true, old_forwards_to = r.forwards_to FROM retired r WHERE c.old_person = r.person_id

-- name: insert_events
-- Says what happened; every changed record is in exactly one event, so that replaying them gives the memberships. What
-- leaves an id that a seal retires is told by the bare retirement alone.
-- Returns how many events of each kind that were, and their first and last number.
WITH told AS (
    SELECT
        CASE
            WHEN new_person IS NULL THEN 'removed'
            WHEN is_revived THEN 'revived'
            WHEN old_person IS NULL AND is_created AND NOT bool_or(old_person IS NOT NULL) OVER (PARTITION BY new_person)
                THEN 'created'
            WHEN old_person IS NULL THEN 'added'
            WHEN old_forwards_to = new_person THEN 'joined'
            WHEN is_created THEN 'split'
            ELSE 'moved'
        END AS kind,
        *
    FROM change
    WHERE NOT EXISTS (SELECT FROM adoption_seal_id s WHERE s.person_id = old_person)
), said AS (
    SELECT kind, coalesce(new_person, old_person) AS person_id, '{}'::text[] AS others,
           jsonb_agg(jsonb_build_array(source, source_record_id) ORDER BY source, source_record_id) AS records
    FROM told WHERE kind IN ('created', 'added', 'removed')
    GROUP BY kind, coalesce(new_person, old_person)
    UNION ALL
    SELECT kind, new_person, array_agg(DISTINCT old_person),
           jsonb_agg(jsonb_build_array(source, source_record_id) ORDER BY source, source_record_id)
    FROM told WHERE kind = 'joined'
    GROUP BY kind, new_person
    UNION ALL
    SELECT kind, new_person, coalesce(array_agg(DISTINCT old_person) FILTER (WHERE old_person IS NOT NULL), '{}'),
           jsonb_agg(jsonb_build_array(source, source_record_id) ORDER BY source, source_record_id)
    FROM told WHERE kind = 'revived'
    GROUP BY kind, new_person
    UNION ALL
    SELECT kind, new_person, ARRAY[old_person],
           jsonb_agg(jsonb_build_array(source, source_record_id) ORDER BY source, source_record_id)
    FROM told WHERE kind = 'moved'
    GROUP BY kind, new_person, old_person
    UNION ALL
    SELECT kind, old_person, ARRAY[new_person],
           jsonb_agg(jsonb_build_array(source, source_record_id) ORDER BY source, source_record_id)
    FROM told WHERE kind = 'split'
    GROUP BY kind, new_person, old_person
    UNION ALL
    SELECT DISTINCT 'retired', old_person, array_remove(ARRAY[old_forwards_to], NULL), '[]'::jsonb
    FROM change WHERE old_retires
), numbered AS (
    SELECT *, row_number() OVER (
        ORDER BY array_position('{created,revived,split,joined,moved,added,removed,retired}', kind), person_id, others
    ) AS place
    FROM said
), published AS (
    INSERT INTO identity_event (seq, kind, person_id, other_person_ids, records, run_id, at)
    SELECT (SELECT coalesce(max(seq), 0) FROM identity_event) + place, kind, person_id, others, records, %(run_id)s,
           %(at)s
    FROM numbered ORDER BY place
    RETURNING kind, seq
)
SELECT kind, count(*), min(seq), max(seq) FROM published GROUP BY kind

-- name: hide_questions
-- Stewards are asked nothing about a time before an adoption that is sealed.
DELETE FROM wanted_question w
WHERE EXISTS (
    SELECT FROM adoption_seal_record r JOIN adoption_seal_in_force USING (seal_id)
    WHERE r.record_id = ANY (w.left_records || w.right_records)
      AND (r.side = 'apart' OR (r.side = 'before' AND r.origin = 'named')))

-- name: match_tasks
-- The open task that asks the same of the same two sides: their oldest records name them.
UPDATE wanted_question w SET task_id = t.task_id
FROM review_task t
WHERE t.status IN ('open', 'waiting')
  AND t.left_record_id = w.left_records[1] AND t.right_record_id = w.right_records[1]
  AND (t.left_person_id = t.right_person_id) = (w.left_person_id = w.right_person_id)

-- name: match_tasks_by_overlap
-- Where the oldest record of a side has gone, or another part may leave: the open task whose sides have most records in
-- common with those of the question, one task for each.
WITH about AS (
    SELECT t.task_id FROM wanted r JOIN review_task t ON t.left_record_id = r.record_id
    WHERE t.status IN ('open', 'waiting')
    UNION
    SELECT t.task_id FROM wanted r JOIN review_task t ON t.right_record_id = r.record_id
    WHERE t.status IN ('open', 'waiting')
    EXCEPT
    SELECT task_id FROM wanted_question WHERE task_id IS NOT NULL
), theirs AS (
    SELECT t.task_id, t.left_records, t.right_records, t.left_person_id = t.right_person_id AS one_person,
           unnest(t.left_records || t.right_records) AS record_id
    FROM about JOIN review_task t USING (task_id)
), asked AS (
    SELECT w.question, w.left_records, w.right_records, w.left_person_id = w.right_person_id AS one_person,
           unnest(w.left_records || w.right_records) AS record_id
    FROM wanted_question w WHERE w.task_id IS NULL
), shared AS (
    SELECT a.question, t.task_id, count(*) AS records
    FROM asked a JOIN theirs t USING (record_id, one_person)
    WHERE (t.left_records && a.left_records AND t.right_records && a.right_records)
       OR (t.left_records && a.right_records AND t.right_records && a.left_records)
    GROUP BY a.question, t.task_id
), best AS (
    SELECT DISTINCT ON (task_id) question, task_id
    FROM (
        SELECT DISTINCT ON (question) question, task_id, records FROM shared ORDER BY question, records DESC, task_id
    ) AS of_question
    ORDER BY task_id, records DESC, question
)
UPDATE wanted_question w SET task_id = best.task_id FROM best WHERE best.question = w.question

-- name: refresh_tasks
-- Questions that are open already keep their place, their claim and their age, and get what is known now, also of what
-- kind they are. What the sentinel asked and linking asks as well is linking's own.
UPDATE review_task t
SET kind = w.kind, left_record_id = w.left_records[1], right_record_id = w.right_records[1],
    left_person_id = w.left_person_id, right_person_id = w.right_person_id,
    left_records = w.left_records, right_records = w.right_records,
    weight_bits = w.weight_bits, pairs = w.pairs, fields = w.fields, sources = w.sources, in_care = w.in_care,
    due_on = q.due_on, due_why = q.matter, by_sentinel = false, version = t.version + 1
FROM wanted_question w
LEFT JOIN LATERAL (
    SELECT c.due_on, c.matter
    FROM court_question c JOIN source_record h USING (source, source_record_id)
    WHERE c.answered_at IS NULL AND h.record_id = ANY (w.left_records || w.right_records)
    ORDER BY c.due_on, c.court_question_id LIMIT 1
) q ON true
WHERE t.task_id = w.task_id
  AND (t.kind, t.left_person_id, t.right_person_id, t.left_records, t.right_records, t.weight_bits, t.pairs, t.fields,
       t.due_on, t.by_sentinel)
      IS DISTINCT FROM
      (w.kind, w.left_person_id, w.right_person_id, w.left_records, w.right_records, w.weight_bits, w.pairs, w.fields,
       q.due_on, false)

-- name: insert_tasks
-- Questions that are new; only between persons that are there. One that was decided is asked again only if its weight
-- has moved, or something raises it that did not before: other records of the same two sides are no news by themselves.
-- A court that waits for one of the persons gives the day. All earlier decisions are looked up before the first question
-- goes in, hence the sorting: else each would be sought in a table that grows by the questions before it.
INSERT INTO review_task (
    kind, left_record_id, right_record_id, left_person_id, right_person_id, left_records, right_records,
    weight_bits, pairs, fields, sources, in_care, due_on, due_why, earlier_task_id, run_id, created_at
)
SELECT w.kind, w.left_records[1], w.right_records[1], w.left_person_id, w.right_person_id, w.left_records,
       w.right_records, w.weight_bits, w.pairs, w.fields, w.sources, w.in_care, q.due_on, q.matter, d.task_id,
       %(run_id)s, %(at)s
FROM (
    SELECT *, latest_decision(left_records, right_records) AS earlier
    FROM wanted_question WHERE task_id IS NULL ORDER BY earlier
) AS w
JOIN person l ON l.person_id = w.left_person_id AND l.retired_at IS NULL
JOIN person r ON r.person_id = w.right_person_id AND r.retired_at IS NULL
LEFT JOIN review_task d ON d.task_id = w.earlier
LEFT JOIN LATERAL (
    SELECT c.due_on, c.matter
    FROM court_question c JOIN source_record h USING (source, source_record_id)
    WHERE c.answered_at IS NULL AND h.record_id = ANY (w.left_records || w.right_records)
    ORDER BY c.due_on, c.court_question_id LIMIT 1
) q ON true
WHERE (d.task_id IS NULL OR abs(d.weight_bits - w.weight_bits) > %(material_change_bits)s
       OR NOT w.fields <@ d.fields)
ON CONFLICT DO NOTHING

-- name: close_tasks
-- Questions that no longer arise: not asked again by a run that looked at one of the sides; says why. What the sentinel
-- asks about persons that are as it saw them stands until it looks again, or somebody decides. What is asked about one
-- record follows from its versions alone; it goes with the record to its person.
WITH about AS (
    SELECT t.task_id FROM wanted w JOIN review_task t ON t.left_record_id = w.record_id
    WHERE t.status IN ('open', 'waiting')
    UNION
    SELECT t.task_id FROM wanted w JOIN review_task t ON t.right_record_id = w.record_id
    WHERE t.status IN ('open', 'waiting')
), of_one_record AS (
    UPDATE review_task t SET left_person_id = w.person_id, right_person_id = w.person_id, version = t.version + 1
    FROM about JOIN review_task a USING (task_id) JOIN wanted w ON w.record_id = a.left_record_id
    WHERE t.task_id = about.task_id AND t.before_version IS NOT NULL AND w.person_id <> t.left_person_id
)
UPDATE review_task t
SET status = 'closed', closed_at = %(at)s, version = t.version + 1, claimed_by = NULL, claimed_until = NULL,
    closed_why = (
        SELECT CASE
            WHEN run.kind = 'judgement' THEN 'decided_elsewhere'
            WHEN l.person_id IS NULL OR r.person_id IS NULL THEN 'withdrawn'
            WHEN t.left_person_id <> t.right_person_id AND l.person_id = r.person_id THEN 'now_one_person'
            WHEN t.left_person_id = t.right_person_id AND l.person_id <> r.person_id THEN 'now_apart'
            ELSE 'no_longer_in_doubt'
        END
        FROM run
        LEFT JOIN LATERAL (
            SELECT m.person_id FROM membership m
            WHERE m.record_id = ANY (t.left_records) AND m.to_at IS NULL ORDER BY m.record_id LIMIT 1
        ) l ON true
        LEFT JOIN LATERAL (
            SELECT m.person_id FROM membership m
            WHERE m.record_id = ANY (t.right_records) AND m.to_at IS NULL ORDER BY m.record_id LIMIT 1
        ) r ON true
        WHERE run.run_id = %(run_id)s
    )
FROM about
WHERE t.task_id = about.task_id AND t.before_version IS NULL
  AND NOT EXISTS (SELECT FROM wanted_question w WHERE w.task_id = t.task_id)
  AND NOT (t.by_sentinel AND (SELECT kind FROM run WHERE run_id = %(run_id)s) <> 'judgement' AND NOT EXISTS (
      SELECT FROM (
          SELECT unnest(t.left_records) AS record_id, t.left_person_id AS person_id
          UNION ALL
          SELECT unnest(t.right_records), t.right_person_id
      ) AS seen
      LEFT JOIN membership m ON m.record_id = seen.record_id AND m.to_at IS NULL
      WHERE m.person_id IS DISTINCT FROM seen.person_id))

-- name: delete_components
-- What was known of the components of the persons that the run looked at.
DELETE FROM person_component c
WHERE c.person_id IN (
    SELECT person_id FROM wanted WHERE person_id IS NOT NULL
    UNION
    SELECT old_person FROM change WHERE old_person IS NOT NULL
)

-- name: insert_components
-- The components as the run found them.
INSERT INTO person_component (person_id, component_id) SELECT person_id, component_id FROM wanted_component

-- name: has_keys
-- Whether any record has blocking keys.
SELECT EXISTS (SELECT FROM record_key)

-- name: drop_key_index
-- Before very many keys come at once.
DROP INDEX record_key_by_key

-- name: create_key_index
-- As the migration makes it.
CREATE INDEX record_key_by_key ON record_key USING gin (keys) WITH (fastupdate = off);
COMMENT ON INDEX record_key_by_key IS
    'Finds the candidates of a record; entries are not put off, so that no request pays for many others.'

-- name: write_keys
-- The keys of records that are new or changed, in the version that the run has read.
INSERT INTO record_key (record_id, version, keys)
SELECT record_id, version, keys FROM wanted_key
ON CONFLICT (record_id) DO UPDATE SET version = EXCLUDED.version, keys = EXCLUDED.keys

-- name: delete_keys
-- Withdrawn records make no candidates.
DELETE FROM record_key k USING wanted w WHERE w.record_id = k.record_id AND w.person_id IS NULL

-- name: forget_oversized_keys
-- Before a full relink pins anew.
DELETE FROM oversized_key

-- name: pin_oversized_keys
-- Keys that make no candidates until the next full relink.
INSERT INTO oversized_key (key, rule, records)
SELECT * FROM unnest(%(keys)s::bigint[], %(rules)s::text[], %(records)s::bigint[])

-- name: lock_records_to_link
-- Lets batches under way finish and others wait for the commit: row by row the two could wait for each other.
LOCK TABLE record_to_link IN SHARE ROW EXCLUSIVE MODE

-- name: clear_records_to_link
-- The records that the run has seen in the version that holds.
DELETE FROM record_to_link t USING wanted w WHERE t.record_id = w.record_id AND t.version = w.version

-- name: forget_records_to_link
-- Records that live linking has settled.
DELETE FROM record_to_link WHERE record_id = ANY (%(record_ids)s)

-- name: note_records_to_link
-- Records that live linking could not settle: the next relink looks at them.
INSERT INTO record_to_link (record_id, version)
SELECT * FROM unnest(%(record_ids)s::bigint[], %(versions)s::integer[])
ON CONFLICT (record_id) DO UPDATE SET version = EXCLUDED.version
