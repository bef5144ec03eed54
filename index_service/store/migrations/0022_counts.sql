-- Counts for research: a small fixed set of tables, small cells withheld, and enough beside them that none can be computed.

CREATE FUNCTION withheld(p_cells bigint[], p_smallest bigint) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_cells  bigint[] := p_cells;
    v_starts integer[] := '{}';  -- of the runs that reach the smallest count, each with its sum
    v_sums   bigint[] := '{}';
    v_start  integer := 1;
    v_sum    bigint := 0;
    v_joined integer := 0;
    v_last   integer := cardinality(p_cells);
BEGIN
    FOR i IN 1 .. v_last LOOP
        v_sum := v_sum + p_cells[i];
        IF v_sum >= p_smallest THEN
            v_starts := v_starts || v_start;
            v_sums := v_sums || v_sum;
            v_start := i + 1;
            v_sum := 0;
        END IF;
    END LOOP;
    IF v_start <= v_last THEN  -- a rest that is too small: runs before it are joined to it until it may be anything
        WHILE cardinality(v_starts) > 0 AND (v_joined = 0 OR v_sum < p_smallest * v_joined + p_smallest - 1) LOOP
            v_joined := v_joined + 1;
            v_start := v_starts[cardinality(v_starts)];
            v_sum := v_sum + v_sums[cardinality(v_sums)];
            v_starts := v_starts[1 : cardinality(v_starts) - 1];
            v_sums := v_sums[1 : cardinality(v_sums) - 1];
        END LOOP;
        v_cells := v_cells[1 : v_start - 1] || array_fill(NULL::bigint, ARRAY[v_last - v_start + 1]);
        v_last := v_start - 1;
    END IF;
    FOR i IN 1 .. cardinality(v_starts) LOOP
        v_start := coalesce(v_starts[i + 1], v_last + 1);
        IF v_start - v_starts[i] > 1 THEN
            v_cells := v_cells[1 : v_starts[i] - 1]
                || array_fill(NULL::bigint, ARRAY[v_start - v_starts[i]])
                || v_cells[v_start : cardinality(v_cells)];
        END IF;
    END LOOP;
    RETURN v_cells;
END $$;
COMMENT ON FUNCTION withheld(bigint[], bigint) IS
    'A row of counts as it may be told: neighbours that are too small are withheld together with one that is not, chosen by '
    'place and not by size, so that no small count follows from the others, the total and this rule.';

CREATE FUNCTION told_counts(p_client text, p_user text, p_purpose text, p_request text, p_question bytea)
RETURNS TABLE (of_what text, cell text, persons bigint, smallest integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_now         timestamptz := clock_timestamp();
    v_year        integer := extract(year FROM v_now AT TIME ZONE 'America/Los_Angeles');
    v_month       integer := extract(month FROM v_now AT TIME ZONE 'America/Los_Angeles');
    v_day         integer := extract(day FROM v_now AT TIME ZONE 'America/Los_Angeles');
    v_application bigint := (SELECT max(a.application_id) FROM agreement_application a);
    v_seals       boolean := EXISTS (SELECT FROM adoption_seal_second);
    v_refusals    boolean := EXISTS (SELECT FROM consent WHERE kind = 'refusal');
    v_sources     text[];
    v_smallest    integer;
    v_total       bigint;
    v_tables      jsonb;
    v_table       record;
    v_told        bigint[];
BEGIN
    SELECT array_agg(DISTINCT p.source ORDER BY p.source), max(p.smallest_cell) INTO v_sources, v_smallest
    FROM agreement_permit p
    WHERE p.application_id = v_application AND p.client_id = p_client AND p.purpose = p_purpose AND p.action = 'counts'
      AND p.from_at <= v_now AND v_now < p.until_at AND NOT p.breaks_glass;
    IF v_sources IS NULL OR v_smallest IS NULL THEN
        INSERT INTO disclosure (at, client_id, user_id, purpose, action, outcome, application_id, question, request_id)
        VALUES (v_now, p_client, p_user, p_purpose, 'counts', 'nothing', v_application, p_question, p_request);
        RETURN;
    END IF;

    WITH counted AS (
        SELECT m.person_id, r.source, n.sex,
               v_year - n.birth_year
                   - CASE WHEN (n.birth_month, coalesce(n.birth_day, 1)) > (v_month, v_day) THEN 1 ELSE 0 END AS age
        FROM source_record r
        JOIN membership m ON m.record_id = r.record_id AND m.to_at IS NULL
        JOIN normalised_record n ON n.record_id = r.record_id
        WHERE r.source = ANY (v_sources) AND NOT r.withdrawn
          AND (NOT v_seals OR NOT (sealed_away(m.person_id) OR sealed_away_record(r.record_id)))
          AND (NOT v_refusals OR NOT EXISTS (
              SELECT FROM consent c
              JOIN membership b ON b.record_id = c.record_id AND b.to_at IS NULL
              WHERE b.person_id = m.person_id AND c.kind = 'refusal' AND r.source = ANY (c.sources)
                AND (c.covers = 'person' OR c.record_id = r.record_id)
                AND (c.clients = '{}' OR p_client = ANY (c.clients))
                AND (c.purposes = '{}' OR p_purpose = ANY (c.purposes))
                AND c.from_at <= v_now AND (c.until_at IS NULL OR v_now < c.until_at)
                AND NOT EXISTS (SELECT FROM consent_revoked v WHERE v.consent_id = c.consent_id)))
    ), persons AS (
        SELECT person_id, mode() WITHIN GROUP (ORDER BY age) AS age, mode() WITHIN GROUP (ORDER BY sex) AS sex
        FROM counted GROUP BY person_id
    ), cells (of_what, place, cell) AS (
        SELECT 'source', s.place, s.name FROM unnest(v_sources) WITH ORDINALITY AS s (name, place)
        UNION ALL
        SELECT 'age', a.place, a.name
        FROM unnest('{0 to 5,6 to 10,11 to 15,16 and 17,18 to 20,21 or older,unknown}'::text[])
             WITH ORDINALITY AS a (name, place)
        UNION ALL
        SELECT 'sex', x.place, x.name FROM unnest('{female,male,other,unknown}'::text[]) WITH ORDINALITY AS x (name, place)
    ), filled (of_what, cell, persons) AS (
        SELECT 'source', source, count(DISTINCT person_id) FROM counted GROUP BY source
        UNION ALL
        SELECT 'age', CASE WHEN age IS NULL THEN 'unknown' WHEN age <= 5 THEN '0 to 5' WHEN age <= 10 THEN '6 to 10'
                           WHEN age <= 15 THEN '11 to 15' WHEN age <= 17 THEN '16 and 17' WHEN age <= 20 THEN '18 to 20'
                           ELSE '21 or older' END, count(*)
        FROM persons GROUP BY 2
        UNION ALL
        SELECT 'sex', CASE WHEN sex IN ('female', 'male', 'other') THEN sex ELSE 'unknown' END, count(*)
        FROM persons GROUP BY 2
    )
    SELECT (SELECT count(*) FROM persons), jsonb_agg(t.row ORDER BY t.of_what) INTO v_total, v_tables
    FROM (
        SELECT c.of_what, jsonb_build_object(
                   'of_what', c.of_what,
                   'names', jsonb_agg(c.cell ORDER BY c.place),
                   'counts', jsonb_agg(coalesce(f.persons, 0) ORDER BY c.place)) AS row
        FROM cells c LEFT JOIN filled f ON f.of_what = c.of_what AND f.cell = c.cell
        GROUP BY c.of_what
    ) t;

    smallest := v_smallest;
    of_what := 'all';
    cell := 'all';
    persons := CASE WHEN v_total >= v_smallest THEN v_total END;
    RETURN NEXT;
    FOR v_table IN SELECT x ->> 'of_what' AS of_what, x -> 'names' AS names, x -> 'counts' AS counts
                   FROM jsonb_array_elements(v_tables) AS x LOOP
        v_told := withheld(ARRAY(SELECT n::bigint FROM jsonb_array_elements_text(v_table.counts) WITH ORDINALITY AS e (n, i)
                                 ORDER BY i), v_smallest);
        of_what := v_table.of_what;
        FOR i IN 1 .. cardinality(v_told) LOOP
            cell := v_table.names ->> i - 1;
            persons := CASE WHEN v_total >= v_smallest THEN v_told[i] END;
            RETURN NEXT;
        END LOOP;
    END LOOP;
    INSERT INTO disclosure (at, client_id, user_id, purpose, action, outcome, application_id, question, pointers,
                            request_id)
    SELECT v_now, p_client, p_user, p_purpose, 'counts', 'released', v_application, p_question,
           json_agg(json_build_object('source', s.source, 'id', NULL, 'clauses', s.clauses, 'attributes', '[]'::json)
                    ORDER BY s.source),
           p_request
    FROM (SELECT p.source, array_agg(DISTINCT p.agreement || ':' || p.clause) AS clauses
          FROM agreement_permit p
          WHERE p.application_id = v_application AND p.client_id = p_client AND p.purpose = p_purpose
            AND p.action = 'counts' AND p.from_at <= v_now AND v_now < p.until_at AND NOT p.breaks_glass
          GROUP BY p.source) s;
END $$;
COMMENT ON FUNCTION told_counts(text, text, text, text, bytea) IS
    'How many persons there are, in all and by source, age and sex, among the records of the sources of which the caller may '
    'learn counts; empty where a count is withheld. No row: it may learn none. Counts, withholds and writes the ledger in '
    'one call. Persons of segregated sources alone are not counted.';
REVOKE EXECUTE ON FUNCTION withheld(bigint[], bigint) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION told_counts(text, text, text, text, bytea) FROM PUBLIC;
