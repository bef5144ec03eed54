-- That a question to stewards was decided is an event too, and that the decision was undone: most such decisions change
-- no membership. It is told to who may know every record that the decision names, as the question itself is.

ALTER TABLE identity_event
    DROP CONSTRAINT identity_event_kind_check,
    ADD CONSTRAINT identity_event_kind_check
    CHECK (kind IN ('created', 'joined', 'added', 'moved', 'split', 'removed', 'retired', 'revived', 'review_decided',
                    'review_undone'));

COMMENT ON COLUMN identity_event.kind IS 'created: a new person with these records; split: these records left this person for a new one; joined: they came here from persons that retire into this one; moved: they came here from a person that lives on; added: records new to the index came here; removed: records were withdrawn; retired: the id has no records left; revived: a judgement was undone, and these records came back to an id that it had retired; review_decided: a question to stewards about these records was decided, after which they belong to these persons; review_undone: that decision was undone.';

CREATE OR REPLACE FUNCTION released_events(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_person text, p_after bigint, p_limit integer) RETURNS TABLE(seq bigint, kind text, person_id text, other_person_ids text[], records jsonb, at timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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
    v_of_review   boolean;
    v_told        integer := 0;
    v_entries     jsonb := '[]';
    v_seals       boolean := EXISTS (SELECT FROM adoption_seal_second);
BEGIN
    SELECT coalesce(array_agg(DISTINCT p.source), '{}') INTO v_sources FROM agreement_permit p
    WHERE p.application_id = v_application AND p.client_id = p_client AND p.purpose = p_purpose
      AND p.action = p_action AND p.from_at <= v_now AND v_now < p.until_at;
    IF v_seals AND sealed_away(p_person) THEN
        p_person := '';
    END IF;
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
        v_of_review := v_event.kind IN ('review_decided', 'review_undone');
        IF v_seals THEN  -- a sealed time is told of by a bare retirement, and what left it has come from nowhere
            CONTINUE WHEN v_of_review AND EXISTS (
                SELECT FROM unnest(v_event.other_person_ids) AS o (id) WHERE sealed_away(o.id));
            v_event.other_person_ids := ARRAY(
                SELECT o.id FROM unnest(v_event.other_person_ids) WITH ORDINALITY AS o (id, place)
                WHERE NOT sealed_away(o.id) ORDER BY o.place);
            IF v_event.kind <> 'retired' AND sealed_away(v_event.person_id) THEN
                CONTINUE WHEN v_event.kind <> 'split' OR v_event.other_person_ids = '{}';
                v_event.kind := 'created';
                v_event.person_id := v_event.other_person_ids[1];
                v_event.other_person_ids := '{}';
            END IF;
        END IF;
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
            SELECT CASE v_event.kind WHEN 'retired'
                THEN may_learn_but_for_seals(
                    s.record_id, s.source, p_client, p_user, p_purpose, p_action, v_application, v_now)
                ELSE may_learn(s.record_id, s.source, p_client, p_user, p_purpose, p_action, v_application, v_now) END
        ) l (clauses)
        WHERE l.clauses IS NOT NULL;
        CONTINUE WHEN v_ids IS NULL;
        -- a record that may not be known can be why the question was asked: it would be told with the answer
        CONTINUE WHEN v_of_review AND cardinality(v_ids) < jsonb_array_length(v_event.records);
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
        IF v_of_review THEN  -- it tells of several persons, and each is accounted for
            v_entries := v_entries || (
                SELECT jsonb_agg(jsonb_build_object('person', coalesce(m.person_id, v_event.person_id),
                                                    'pointers', jsonb_build_array(p.pointer)))
                FROM jsonb_array_elements(v_pointers) AS p (pointer)
                JOIN source_record r ON r.source = p.pointer ->> 'source' AND r.source_record_id = p.pointer ->> 'id'
                LEFT JOIN membership m ON m.record_id = r.record_id AND m.to_at IS NULL);
        ELSE
            v_entries := v_entries || jsonb_build_object('person', v_event.person_id, 'pointers', v_pointers);
        END IF;
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
