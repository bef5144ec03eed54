-- The accounting of a person over the API, for who may learn to whom the person's records were disclosed; and whether each
-- of its rows stands as it was sealed.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '30min';

CREATE INDEX ledger_block_by_first ON ledger_block ((disclosures[1]));
COMMENT ON INDEX ledger_block_by_first IS 'The block that a row of the ledger belongs to.';

CREATE FUNCTION seal_state(d disclosure) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN d.disclosure_id > coalesce((SELECT b.disclosures[cardinality(b.disclosures)] FROM ledger_block b
                                         ORDER BY b.block_no DESC LIMIT 1), 0) THEN 'not yet'
        WHEN EXISTS (
            SELECT FROM (SELECT * FROM ledger_block b WHERE b.disclosures[1] <= d.disclosure_id
                         ORDER BY b.disclosures[1] DESC LIMIT 1) b
            WHERE substr(b.digests, array_position(b.disclosures, d.disclosure_id) * 32 - 31, 32) = disclosure_digest(d)
        ) THEN 'stands'
        ELSE 'differs' END
$$;
COMMENT ON FUNCTION seal_state(disclosure) IS
    'Whether a row is what the seal of its block says: stands, differs, or not yet sealed. Blocks: person-index ledger verify.';

CREATE FUNCTION told_accounting(
    p_client text, p_user text, p_purpose text, p_request text, p_question bytea, p_person text, p_years integer
) RETURNS TABLE (person_id text, from_at timestamptz, until_at timestamptz, told jsonb, agreements jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_until   timestamptz := clock_timestamp();  -- before the row that says that this was read
    v_person  text;
    v_sources text[];
    v_ids     text[];
BEGIN
    SELECT min(t.person_id), array_agg(t.source), array_agg(t.source_record_id) INTO v_person, v_sources, v_ids
    FROM told_of_persons(p_client, p_user, p_purpose, 'ledger', p_request, p_question, ARRAY[p_person], NULL, NULL,
                         '{}', NULL, false) t;
    IF v_person IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH mine AS MATERIALIZED (
        SELECT k.source, k.id, r.record_id
        FROM (SELECT DISTINCT * FROM unnest(v_sources, v_ids) AS u (source, id)) AS k
        JOIN (SELECT source, source_record_id, record_id FROM source_record
              UNION ALL
              SELECT source, source_record_id, record_id FROM segregated.source_record) r
            ON r.source = k.source AND r.source_record_id = k.id
    ), ever AS (
        SELECT m.person_id FROM mine JOIN membership m ON m.record_id = mine.record_id
        UNION
        SELECT m.person_id FROM mine JOIN segregated.membership m ON m.record_id = mine.record_id
    ), lines AS MATERIALIZED (
        SELECT d.disclosure_id, d.at, d.client_id, d.user_id, d.purpose, d.action, d.request_id,
               CASE WHEN sealed_away(d.person_id) THEN v_person ELSE d.person_id END AS person_id,
               p.source, p.id, p.clauses, p.attributes, seal_state(d) AS seal
        FROM ever
        JOIN disclosure d ON d.person_id = ever.person_id AND d.outcome = 'released'
        CROSS JOIN LATERAL json_to_recordset(d.pointers) AS p (source text, id text, clauses jsonb, attributes jsonb)
        JOIN mine ON mine.source = p.source AND mine.id = p.id
        WHERE d.at >= v_until - make_interval(years => p_years) AND d.at < v_until
    )
    SELECT v_person, v_until - make_interval(years => p_years), v_until,
           coalesce((SELECT jsonb_agg(to_jsonb(l) ORDER BY l.disclosure_id, l.source, l.id) FROM lines l), '[]'),
           coalesce((SELECT jsonb_object_agg(a.agreement_id || '/' || a.version, a.document)
                     FROM agreement_version a
                     WHERE a.agreement_id || '/' || a.version IN (
                         SELECT split_part(c.clause, ':', 1)
                         FROM lines l CROSS JOIN LATERAL jsonb_array_elements_text(l.clauses) AS c (clause))), '{}');
END $$;
COMMENT ON FUNCTION told_accounting(text, text, text, text, bytea, text, integer) IS
    'To whom those records of a person were disclosed that the caller may learn of for the action ledger, in so many years '
    'before now, with the agreements of then. Reads and writes the ledger in one call; no row: nobody, or nobody for it.';
REVOKE EXECUTE ON FUNCTION told_accounting(text, text, text, text, bytea, text, integer) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION seal_state(disclosure) FROM PUBLIC;
