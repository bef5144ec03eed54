-- What may be told of single records and of events; and a past answer by an id that was retired then and lives again.

CREATE FUNCTION person_then(p_person text, p_then timestamptz) RETURNS person LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_person person;
    v_before person_retirement;
BEGIN
    SELECT * INTO v_person FROM person p WHERE p.person_id = p_person;
    IF p_then < 'infinity' THEN
        SELECT * INTO v_before FROM person_retirement b
        WHERE b.person_id = p_person AND b.retired_at <= p_then AND p_then < b.revived_at;
        IF FOUND THEN
            v_person.retired_at := v_before.retired_at;
            v_person.forwards_to := v_before.forwards_to;
        END IF;
    END IF;
    RETURN v_person;
END $$;
COMMENT ON FUNCTION person_then(text, timestamptz) IS
    'A person as it was retired and forwarded at a moment; infinity is now.';

-- The statements before the last gather what is on file for the person; the last reads the pointers and writes the
-- ledger at once. In pieces, because setting up one plan for everything costs more than running all of these. An id
-- that nobody has goes through the same statements as one of which nothing may be told.
CREATE OR REPLACE FUNCTION released(
    p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea,
    p_persons text[], p_source text, p_source_record_id text, p_attributes text[], p_as_of timestamptz, p_ever boolean
) RETURNS TABLE (
    asked_person_id text, person_id text, retired_at timestamptz, source text, source_record_id text,
    from_at timestamptz, to_at timestamptz, probability double precision, reason text, attributes jsonb,
    disclosure_id bigint
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_now         timestamptz := clock_timestamp();
    v_action      text := CASE WHEN p_ever OR p_as_of IS NOT NULL THEN 'history' ELSE p_action END;
    v_then        timestamptz := coalesce(p_as_of, 'infinity');
    v_application bigint := (SELECT max(a.application_id) FROM agreement_application a);
    v_asked       text;
    v_person      person;
    v_retired_at  timestamptz;
    v_filed       text[];  -- 'consent:csi:*', 'refusal:meds:17': kind, source covered, the one record or all
    v_related     text[];  -- relationships of the caller to the person, and legal_responsibility of anybody
    v_broken      text[] := '{}';  -- agreements under which the caller has broken the glass for the person
    v_told        boolean := false;
BEGIN
    IF p_source IS NOT NULL THEN
        p_persons := ARRAY[coalesce((
            SELECT m.person_id FROM source_record r JOIN membership m ON m.record_id = r.record_id
            WHERE r.source = p_source AND r.source_record_id = p_source_record_id
              AND m.from_at <= v_then AND (m.to_at IS NULL OR m.to_at > v_then)), '')];
    END IF;
    FOREACH v_asked IN ARRAY p_persons LOOP
        SELECT * INTO v_person FROM person_then(v_asked, v_then) p WHERE p.created_at <= v_then;
        v_retired_at := CASE WHEN v_person.retired_at <= v_then THEN v_person.retired_at END;
        WHILE v_person.retired_at <= v_then AND v_person.forwards_to IS NOT NULL AND NOT p_ever LOOP
            SELECT * INTO v_person FROM person_then(v_person.forwards_to, v_then);
        END LOOP;

        SELECT array_agg(f.word) FILTER (WHERE f.word LIKE '%:%'), array_agg(f.word) FILTER (WHERE f.word NOT LIKE '%:%')
        INTO v_filed, v_related
        FROM membership m
        CROSS JOIN LATERAL (
            SELECT c.kind || ':' || s.name || ':' || CASE c.covers WHEN 'person' THEN '*' ELSE c.record_id::text END
            FROM consent c CROSS JOIN LATERAL unnest(c.sources) AS s (name)
            WHERE c.record_id = m.record_id
              AND (c.clients = '{}' OR p_client = ANY (c.clients)) AND (c.purposes = '{}' OR p_purpose = ANY (c.purposes))
              AND c.from_at <= v_now AND (c.until_at IS NULL OR v_now < c.until_at)
              AND NOT EXISTS (SELECT FROM consent_revoked r WHERE r.consent_id = c.consent_id)
            UNION ALL
            SELECT r.kind
            FROM relationship r
            WHERE r.record_id = m.record_id
              AND (r.kind = 'legal_responsibility'
                   OR (r.client_id = p_client AND (r.user_id IS NULL OR r.user_id = p_user)))
              AND r.from_at <= v_now AND (r.until_at IS NULL OR v_now < r.until_at)
              AND NOT EXISTS (SELECT FROM relationship_ended e WHERE e.relationship_id = r.relationship_id)
        ) f (word)
        WHERE m.person_id = v_person.person_id
          AND (p_ever OR (m.from_at <= v_then AND (m.to_at IS NULL OR m.to_at > v_then)));
        v_filed := coalesce(v_filed, '{}');
        v_related := coalesce(v_related, '{}');

        IF p_purpose = 'BTG' THEN
            SELECT coalesce(array_agg(b.agreement), '{}') INTO v_broken FROM broken_glass b
            WHERE b.person_id = v_person.person_id AND b.client_id = p_client AND b.user_id = p_user
              AND b.broken_at <= v_now AND v_now < b.expires_at;
        END IF;

        RETURN QUERY
        WITH permitted AS MATERIALIZED (
            SELECT m.record_id, r.source, r.source_record_id, m.from_at, m.to_at, m.probability, m.reason, p.clauses,
                   CASE WHEN p_attributes <> '{}' AND p.granted <> '' THEN
                       told_values(m.record_id, r.current_version, p_as_of, string_to_array(p.granted, ','), p_attributes)
                   END AS told
            FROM membership m
            JOIN source_record r ON r.record_id = m.record_id
            CROSS JOIN LATERAL (
                SELECT array_agg(p.agreement || ':' || p.clause) AS clauses,
                       string_agg(array_to_string(p.attributes, ','), ',') AS granted
                FROM agreement_permit p
                WHERE p.application_id = v_application AND p.client_id = p_client AND p.purpose = p_purpose
                  AND p.action = v_action AND p.from_at <= v_now AND v_now < p.until_at AND p.source = r.source
                  AND (p.on_file = '{}'
                       OR ('consent' = ANY (p.on_file)
                           AND v_filed && ARRAY['consent:' || r.source || ':*',
                                                'consent:' || r.source || ':' || r.record_id])
                       OR ('court_order' = ANY (p.on_file)
                           AND v_filed && ARRAY['court_order:' || r.source || ':*',
                                                'court_order:' || r.source || ':' || r.record_id]))
                  AND (p.relationships = '{}' OR p.relationships && v_related)
                  AND (NOT p.legal_responsibility OR 'legal_responsibility' = ANY (v_related))
                  AND (NOT p.breaks_glass OR p.agreement = ANY (v_broken))
            ) p
            WHERE m.person_id = v_person.person_id AND p.clauses IS NOT NULL
              AND (p_ever OR (m.from_at <= v_then AND (m.to_at IS NULL OR m.to_at > v_then)
                              AND (p_as_of IS NOT NULL OR NOT r.withdrawn)))
              AND (v_filed = '{}'
                   OR NOT v_filed && ARRAY['refusal:' || r.source || ':*', 'refusal:' || r.source || ':' || r.record_id])
        ), released AS (
            SELECT * FROM permitted
            WHERE (p_source IS NULL
                   OR EXISTS (SELECT FROM permitted q
                              WHERE q.source = p_source AND q.source_record_id = p_source_record_id))
              AND (v_asked = v_person.person_id  -- a retired id leads on for who could know it by a record it had
                   OR EXISTS (SELECT FROM permitted q
                              JOIN membership e ON e.record_id = q.record_id AND e.person_id = v_asked))
        ), entry AS (
            INSERT INTO disclosure AS d (at, client_id, user_id, purpose, action, outcome, application_id, question,
                                         person_id, pointers, request_id)
            SELECT v_now, p_client, p_user, p_purpose, v_action, 'released', v_application, p_question,
                   v_person.person_id,
                   json_agg(json_build_object('source', r.source, 'id', r.source_record_id, 'clauses', r.clauses,
                            'attributes', jsonb_path_query_array(coalesce(r.told, '{}'), '$.keyvalue().key'))),
                   p_request
            FROM released r HAVING count(*) > 0
            RETURNING d.disclosure_id
        )
        SELECT v_asked, v_person.person_id, v_retired_at, r.source, r.source_record_id, r.from_at, r.to_at,
               r.probability, r.reason, r.told, e.disclosure_id
        FROM released r CROSS JOIN entry e;
        v_told := v_told OR FOUND;
    END LOOP;

    IF NOT v_told THEN
        INSERT INTO disclosure (at, client_id, user_id, purpose, action, outcome, application_id, question, request_id)
        VALUES (v_now, p_client, p_user, p_purpose, v_action, 'nothing', v_application, p_question, p_request);
    END IF;
END $$;

CREATE FUNCTION may_learn(
    p_record bigint, p_source text, p_client text, p_user text, p_purpose text, p_action text, p_application bigint,
    p_now timestamptz
) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_person  text := (SELECT m.person_id FROM membership m WHERE m.record_id = p_record AND m.to_at IS NULL);
    v_filed   text[];
    v_related text[];
BEGIN
    SELECT coalesce(array_agg(f.word) FILTER (WHERE f.word LIKE '%:%'), '{}'),
           coalesce(array_agg(f.word) FILTER (WHERE f.word NOT LIKE '%:%'), '{}')
    INTO v_filed, v_related
    FROM (
        SELECT p_record AS record_id
        UNION
        SELECT m.record_id FROM membership m WHERE m.person_id = v_person AND m.to_at IS NULL
    ) AS mine
    CROSS JOIN LATERAL (
        SELECT c.kind || ':' || s.name || ':' || CASE c.covers WHEN 'person' THEN '*' ELSE c.record_id::text END
        FROM consent c CROSS JOIN LATERAL unnest(c.sources) AS s (name)
        WHERE c.record_id = mine.record_id
          AND (c.clients = '{}' OR p_client = ANY (c.clients)) AND (c.purposes = '{}' OR p_purpose = ANY (c.purposes))
          AND c.from_at <= p_now AND (c.until_at IS NULL OR p_now < c.until_at)
          AND NOT EXISTS (SELECT FROM consent_revoked r WHERE r.consent_id = c.consent_id)
        UNION ALL
        SELECT r.kind
        FROM relationship r
        WHERE r.record_id = mine.record_id
          AND (r.kind = 'legal_responsibility'
               OR (r.client_id = p_client AND (r.user_id IS NULL OR r.user_id = p_user)))
          AND r.from_at <= p_now AND (r.until_at IS NULL OR p_now < r.until_at)
          AND NOT EXISTS (SELECT FROM relationship_ended e WHERE e.relationship_id = r.relationship_id)
    ) f (word);
    IF v_filed && ARRAY['refusal:' || p_source || ':*', 'refusal:' || p_source || ':' || p_record] THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT array_agg(p.agreement || ':' || p.clause)
        FROM agreement_permit p
        WHERE p.application_id = p_application AND p.client_id = p_client AND p.purpose = p_purpose
          AND p.action = p_action AND p.from_at <= p_now AND p_now < p.until_at AND p.source = p_source
          AND (p.on_file = '{}'
               OR ('consent' = ANY (p.on_file)
                   AND v_filed && ARRAY['consent:' || p_source || ':*', 'consent:' || p_source || ':' || p_record])
               OR ('court_order' = ANY (p.on_file)
                   AND v_filed && ARRAY['court_order:' || p_source || ':*',
                                        'court_order:' || p_source || ':' || p_record]))
          AND (p.relationships = '{}' OR p.relationships && v_related)
          AND (NOT p.legal_responsibility OR 'legal_responsibility' = ANY (v_related))
          AND (NOT p.breaks_glass OR EXISTS (
              SELECT FROM broken_glass b
              WHERE b.person_id = v_person AND b.client_id = p_client AND b.user_id = p_user
                AND b.agreement = p.agreement AND b.broken_at <= p_now AND p_now < b.expires_at))
    );
END $$;
COMMENT ON FUNCTION may_learn(bigint, text, text, text, text, text, bigint, timestamptz) IS
    'The clauses by which a caller may learn of one record, by what is on file for its person now; null: it may not.';

CREATE FUNCTION released_records(
    p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea,
    p_sources text[], p_ids text[]
) RETURNS TABLE (source text, source_record_id text, person_id text, disclosure_id bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_now         timestamptz := clock_timestamp();
    v_application bigint := (SELECT max(a.application_id) FROM agreement_application a);
BEGIN
    RETURN QUERY
    WITH looked AS MATERIALIZED (  -- an id that nobody has is looked at as one of which nothing may be told
        SELECT a.source, a.id, m.person_id,
               may_learn(coalesce(r.record_id, 0), a.source, p_client, p_user, p_purpose, p_action, v_application, v_now)
                   AS clauses
        FROM (SELECT DISTINCT * FROM unnest(p_sources, p_ids) AS u (source, id)) AS a
        LEFT JOIN source_record r ON r.source = a.source AND r.source_record_id = a.id AND NOT r.withdrawn
        LEFT JOIN membership m ON m.record_id = r.record_id AND m.to_at IS NULL
    ), permitted AS (
        SELECT * FROM looked WHERE looked.person_id IS NOT NULL AND looked.clauses IS NOT NULL
    ), entry AS (
        INSERT INTO disclosure AS d (at, client_id, user_id, purpose, action, outcome, application_id, question,
                                     person_id, pointers, request_id)
        SELECT v_now, p_client, p_user, p_purpose, p_action, 'released', v_application, p_question, p.person_id,
               json_agg(json_build_object('source', p.source, 'id', p.id, 'clauses', p.clauses,
                                          'attributes', '[]'::json) ORDER BY p.source, p.id),
               p_request
        FROM permitted p GROUP BY p.person_id
        RETURNING d.person_id, d.disclosure_id
    )
    SELECT p.source, p.id, p.person_id, e.disclosure_id FROM permitted p JOIN entry e ON e.person_id = p.person_id;
    IF NOT FOUND THEN
        INSERT INTO disclosure (at, client_id, user_id, purpose, action, outcome, application_id, question, request_id)
        VALUES (v_now, p_client, p_user, p_purpose, p_action, 'nothing', v_application, p_question, p_request);
    END IF;
END $$;
COMMENT ON FUNCTION released_records(text, text, text, text, text, bytea, text[], text[]) IS
    'Of some records those that a caller may learn of, with their persons. Reads and writes the ledger in one call.';

CREATE FUNCTION released_events(
    p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea,
    p_person text, p_after bigint, p_limit integer
) RETURNS TABLE (seq bigint, kind text, person_id text, other_person_ids text[], records jsonb, at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_now         timestamptz := clock_timestamp();
    v_application bigint := (SELECT max(a.application_id) FROM agreement_application a);
    v_sources     text[];
    v_end         bigint := (SELECT coalesce(max(e.seq), 0) FROM identity_event e);
    v_events      refcursor;
    v_event       identity_event;
    v_ids         bigint[];
    v_keys        jsonb;
    v_pointers    jsonb;
    v_told        integer := 0;
    v_entries     jsonb := '[]';
BEGIN
    SELECT coalesce(array_agg(DISTINCT p.source), '{}') INTO v_sources FROM agreement_permit p
    WHERE p.application_id = v_application AND p.client_id = p_client AND p.purpose = p_purpose
      AND p.action = p_action AND p.from_at <= v_now AND v_now < p.until_at;
    IF p_person IS NULL THEN
        OPEN v_events FOR SELECT * FROM identity_event e WHERE e.seq > p_after AND e.seq <= v_end ORDER BY e.seq;
    ELSE
        OPEN v_events FOR
            SELECT * FROM identity_event e WHERE e.person_id = p_person AND e.seq > p_after AND e.seq <= v_end
            UNION
            SELECT * FROM identity_event e
            WHERE e.other_person_ids @> ARRAY[p_person] AND e.other_person_ids <> '{}'
              AND e.seq > p_after AND e.seq <= v_end
            ORDER BY 1;
    END IF;
    LOOP
        FETCH v_events INTO v_event;
        EXIT WHEN NOT FOUND;
        SELECT array_agg(s.record_id),
               coalesce(jsonb_agg(jsonb_build_array(s.source, s.source_record_id) ORDER BY s.source, s.source_record_id)
                        FILTER (WHERE v_event.kind <> 'retired'), '[]'),
               jsonb_agg(jsonb_build_object('source', s.source, 'id', s.source_record_id, 'clauses', l.clauses,
                                            'attributes', '[]'::jsonb))
        INTO v_ids, v_keys, v_pointers
        FROM (
            SELECT r.record_id, r.source, r.source_record_id
            FROM jsonb_array_elements(v_event.records) AS k (key)
            JOIN source_record r ON r.source = k.key ->> 0 AND r.source_record_id = k.key ->> 1
            WHERE k.key ->> 0 = ANY (v_sources)
            UNION
            SELECT r.record_id, r.source, r.source_record_id
            FROM membership m JOIN source_record r ON r.record_id = m.record_id
            WHERE v_event.kind = 'retired' AND m.person_id = v_event.person_id AND r.source = ANY (v_sources)
        ) s
        CROSS JOIN LATERAL (
            SELECT may_learn(s.record_id, s.source, p_client, p_user, p_purpose, p_action, v_application, v_now)
        ) l (clauses)
        WHERE l.clauses IS NOT NULL;
        CONTINUE WHEN v_ids IS NULL;
        v_told := v_told + 1;
        IF v_told > p_limit THEN
            EXIT;
        END IF;
        seq := v_event.seq;
        kind := v_event.kind;
        IF kind = 'added' AND NOT EXISTS (  -- to somebody of whom the caller knew nothing: to the caller a new person
            SELECT FROM membership m JOIN source_record r ON r.record_id = m.record_id
            WHERE m.person_id = v_event.person_id AND m.from_at < v_event.at
              AND (m.to_at IS NULL OR m.to_at >= v_event.at) AND r.source = ANY (v_sources)
              AND may_learn(r.record_id, r.source, p_client, p_user, p_purpose, p_action, v_application, v_now)
                  IS NOT NULL
        ) THEN
            kind := 'created';
        END IF;
        person_id := v_event.person_id;
        other_person_ids := ARRAY(
            SELECT o.id FROM unnest(v_event.other_person_ids) WITH ORDINALITY AS o (id, place)
            WHERE EXISTS (SELECT FROM membership m WHERE m.person_id = o.id AND m.record_id = ANY (v_ids))
            ORDER BY o.place);
        records := v_keys;
        at := v_event.at;
        v_entries := v_entries || jsonb_build_object('person', v_event.person_id, 'pointers', v_pointers);
        RETURN NEXT;
        v_end := CASE WHEN v_told = p_limit THEN v_event.seq ELSE v_end END;
    END LOOP;
    CLOSE v_events;

    INSERT INTO disclosure (at, client_id, user_id, purpose, action, outcome, application_id, question, person_id,
                            pointers, request_id)
    SELECT v_now, p_client, p_user, p_purpose, p_action, 'released', v_application, p_question, e.person,
           json_agg(e.pointer ORDER BY e.pointer ->> 'source', e.pointer ->> 'id'), p_request
    FROM (SELECT DISTINCT x ->> 'person' AS person, jsonb_array_elements(x -> 'pointers') AS pointer
          FROM jsonb_array_elements(v_entries) AS x) e
    GROUP BY e.person;
    IF NOT FOUND THEN
        INSERT INTO disclosure (at, client_id, user_id, purpose, action, outcome, application_id, question, request_id)
        VALUES (v_now, p_client, p_user, p_purpose, p_action, 'nothing', v_application, p_question, p_request);
    END IF;
    seq := v_end;  -- the last row is none: how far the page goes, and in `kind` whether more may be told beyond it
    kind := CASE WHEN v_told > p_limit THEN 'more' END;
    person_id := NULL;
    other_person_ids := NULL;
    records := NULL;
    at := NULL;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION released_events(text, text, text, text, text, bytea, text, bigint, integer) IS
    'What a caller may learn of events after a number, of all persons or of one; a last row says how far the page goes. '
    'Reads and writes the ledger in one call.';

REVOKE EXECUTE ON FUNCTION
    person_then(text, timestamptz),
    may_learn(bigint, text, text, text, text, text, bigint, timestamptz),
    released_records(text, text, text, text, text, bytea, text[], text[]),
    released_events(text, text, text, text, text, bytea, text, bigint, integer)
FROM PUBLIC;
