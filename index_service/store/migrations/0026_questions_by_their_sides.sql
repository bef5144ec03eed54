-- A question is named by its two sides alone: what kind of doubt it is may change while it is open. And what was decided
-- is found by most of the records of either side, whichever of them are left.
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';

UPDATE review_task t
SET status = 'closed', closed_at = clock_timestamp(), closed_why = 'no_longer_in_doubt', version = version + 1,
    claimed_by = NULL, claimed_until = NULL
WHERE status IN ('open', 'waiting') AND EXISTS (
    SELECT FROM review_task o
    WHERE o.status IN ('open', 'waiting') AND o.task_id < t.task_id
      AND o.left_record_id = t.left_record_id AND o.right_record_id = t.right_record_id);

DROP INDEX review_task_asked_once;
CREATE UNIQUE INDEX review_task_asked_once ON review_task (left_record_id, right_record_id)
    WHERE status IN ('open', 'waiting');
COMMENT ON INDEX review_task_asked_once IS
    'The same question is open once at most; also finds those about a record, where it stands first.';

DROP INDEX review_task_decided;
CREATE INDEX review_task_decided ON review_task USING gin (left_records, right_records) WHERE status = 'decided';
COMMENT ON INDEX review_task_decided IS 'Whether a question was decided before, by any of its records.';

COMMENT ON COLUMN review_task.left_record_id IS
    'The oldest record of the left side: with that of the right it names the question, whatever ids persons have.';

CREATE FUNCTION shares_most(one bigint[], other bigint[]) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 2 * count(*) > least(cardinality(one), cardinality(other))
    FROM unnest(one) AS record_id WHERE record_id = ANY (other)
$$;
COMMENT ON FUNCTION shares_most IS 'Whether more than half of the smaller of two sides is in the other.';

CREATE FUNCTION latest_decision(one bigint[], other bigint[]) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (array_agg(t.task_id ORDER BY t.task_id DESC))[1]
    FROM public.review_task t
    WHERE t.status = 'decided' AND (
        (t.left_records && one AND t.right_records && other
         AND public.shares_most(t.left_records, one) AND public.shares_most(t.right_records, other))
        OR (t.left_records && other AND t.right_records && one
            AND public.shares_most(t.left_records, other) AND public.shares_most(t.right_records, one)))
$$;
COMMENT ON FUNCTION latest_decision IS 'The latest task in which the question of two sides was decided.';
