-- The records that share blocking keys, found by the index on keys whatever the planner thinks of it. Once the table is
-- analysed, it takes fifty keys for a sixth of all records (few keys are among the most common, and of the rest it knows
-- no better), and reads all tables from end to end for each question.

CREATE FUNCTION records_sharing(asked bigint[]) RETURNS TABLE (record_id bigint, keys bigint[])
LANGUAGE plpgsql STABLE ROWS 30
SET enable_seqscan = off SET enable_indexscan = off
AS $$
BEGIN
    RETURN QUERY SELECT k.record_id, k.keys FROM record_key k WHERE k.keys && asked;
END
$$;

COMMENT ON FUNCTION records_sharing IS 'Linked records that share one of the keys, with the keys they have.';

REVOKE EXECUTE ON FUNCTION records_sharing FROM PUBLIC;
