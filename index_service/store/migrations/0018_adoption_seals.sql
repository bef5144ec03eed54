-- Adoption seals: what was known of a child before an adoption and what is known after it are two persons for ever, and
-- nothing that leaves the index tells that they are one. What is hidden, and what is kept apart, is decided here.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';


--------------------------------------------------------------------------------------------------------------- facts

CREATE TABLE adoption_seal (
    seal_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reason      text NOT NULL,
    keeps_name  boolean NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE adoption_seal IS 'That a supervisor wants the time before an adoption sealed; it takes effect when a second person agrees; never changed.';
COMMENT ON COLUMN adoption_seal.seal_id IS 'Number of the seal.';
COMMENT ON COLUMN adoption_seal.reason IS 'Why, in the supervisor''s words: the order of adoption, no names.';
COMMENT ON COLUMN adoption_seal.keeps_name IS 'The child keeps its name: it tells nothing of the time before, and is told.';
COMMENT ON COLUMN adoption_seal.proposed_by IS 'The supervisor.';
COMMENT ON COLUMN adoption_seal.proposed_at IS 'When it was asked for.';

CREATE TABLE adoption_seal_second (
    seal_id    bigint PRIMARY KEY REFERENCES adoption_seal,
    agrees     boolean NOT NULL,
    reason     text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE adoption_seal_second IS 'What the second person said of a seal; never changed.';
COMMENT ON COLUMN adoption_seal_second.seal_id IS 'The seal.';
COMMENT ON COLUMN adoption_seal_second.agrees IS 'Whether it takes effect.';
COMMENT ON COLUMN adoption_seal_second.reason IS 'Why, in the second person''s words.';
COMMENT ON COLUMN adoption_seal_second.decided_by IS 'The second person.';
COMMENT ON COLUMN adoption_seal_second.decided_at IS 'When it was said.';

CREATE TABLE adoption_unsealing (
    unsealing_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seal_id      bigint NOT NULL REFERENCES adoption_seal,
    consent_id   bigint NOT NULL REFERENCES consent,
    reason       text NOT NULL,
    proposed_by  text NOT NULL,
    proposed_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE adoption_unsealing IS 'That a supervisor wants a seal opened by a court order on file; takes effect when a second person agrees; never changed.';
COMMENT ON COLUMN adoption_unsealing.unsealing_id IS 'Number of the unsealing.';
COMMENT ON COLUMN adoption_unsealing.seal_id IS 'The seal.';
COMMENT ON COLUMN adoption_unsealing.consent_id IS 'The court order.';
COMMENT ON COLUMN adoption_unsealing.reason IS 'Why, in the supervisor''s words.';
COMMENT ON COLUMN adoption_unsealing.proposed_by IS 'The supervisor.';
COMMENT ON COLUMN adoption_unsealing.proposed_at IS 'When it was asked for.';
CREATE INDEX adoption_unsealing_by_seal ON adoption_unsealing (seal_id);
COMMENT ON INDEX adoption_unsealing_by_seal IS 'Whether a seal was opened.';

CREATE TABLE adoption_unsealing_second (
    unsealing_id bigint PRIMARY KEY REFERENCES adoption_unsealing,
    agrees       boolean NOT NULL,
    reason       text NOT NULL,
    decided_by   text NOT NULL,
    decided_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE adoption_unsealing_second IS 'What the second person said of an unsealing; never changed.';
COMMENT ON COLUMN adoption_unsealing_second.unsealing_id IS 'The unsealing.';
COMMENT ON COLUMN adoption_unsealing_second.agrees IS 'Whether the seal is opened.';
COMMENT ON COLUMN adoption_unsealing_second.reason IS 'Why, in the second person''s words.';
COMMENT ON COLUMN adoption_unsealing_second.decided_by IS 'The second person.';
COMMENT ON COLUMN adoption_unsealing_second.decided_at IS 'When it was said.';

CREATE TABLE adoption_seal_record (
    seal_id   bigint NOT NULL REFERENCES adoption_seal,
    record_id bigint NOT NULL REFERENCES source_record,
    side      text NOT NULL CHECK (side IN ('before', 'after', 'apart')),
    origin    text NOT NULL CHECK (origin IN ('named', 'joined', 'value')),
    since     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (seal_id, record_id)
);
COMMENT ON TABLE adoption_seal_record IS 'On which side of a seal a record stands, for ever; records of different sides are never one person. Later ones are added.';
COMMENT ON COLUMN adoption_seal_record.seal_id IS 'The seal.';
COMMENT ON COLUMN adoption_seal_record.record_id IS 'The record.';
COMMENT ON COLUMN adoption_seal_record.side IS 'before or after the adoption; apart: it bears names of both times, is of neither side, and is told to nobody.';
COMMENT ON COLUMN adoption_seal_record.origin IS
    'named: by who sealed; joined: it came to a person of that side later; value: it bears a name and birth date of that '
    'side, so that it may be of another child: it is kept from the other side, and hides nothing.';
COMMENT ON COLUMN adoption_seal_record.since IS 'Since when.';
CREATE INDEX adoption_seal_record_by_record ON adoption_seal_record (record_id);
COMMENT ON INDEX adoption_seal_record_by_record IS 'Whether a record stands under a seal.';

CREATE TABLE adoption_seal_id (
    seal_id   bigint NOT NULL REFERENCES adoption_seal,
    person_id text COLLATE "C" NOT NULL REFERENCES person,
    PRIMARY KEY (person_id, seal_id)
);
COMMENT ON TABLE adoption_seal_id IS 'Ids that lead to nothing since a seal: they stood for records of the time before.';
COMMENT ON COLUMN adoption_seal_id.seal_id IS 'The seal.';
COMMENT ON COLUMN adoption_seal_id.person_id IS 'The id.';

CREATE TABLE adoption_seal_value (
    seal_id bigint NOT NULL REFERENCES adoption_seal,
    side    text NOT NULL CHECK (side IN ('before', 'after')),
    kind    text NOT NULL CHECK (kind IN ('name', 'parent')),
    digest  bytea NOT NULL,
    PRIMARY KEY (digest, seal_id, side)
);
COMMENT ON TABLE adoption_seal_value IS 'Digests of what tells the two times of a child apart: full names with the birth date, and parents'' names.';
COMMENT ON COLUMN adoption_seal_value.seal_id IS 'The seal.';
COMMENT ON COLUMN adoption_seal_value.side IS 'Of which time.';
COMMENT ON COLUMN adoption_seal_value.kind IS 'name: a given name, a surname and the birth date; parent: a parent''s or guardian''s name.';
COMMENT ON COLUMN adoption_seal_value.digest IS 'SHA-256 of it; the value itself is not repeated here.';
CREATE INDEX adoption_seal_value_by_seal ON adoption_seal_value (seal_id);
COMMENT ON INDEX adoption_seal_value_by_seal IS 'The values of a seal.';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['adoption_seal', 'adoption_seal_second', 'adoption_unsealing',
        'adoption_unsealing_second', 'adoption_seal_record', 'adoption_seal_id', 'adoption_seal_value']
    LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;

CREATE VIEW adoption_seal_in_force AS
    SELECT s.seal_id, s.keeps_name FROM adoption_seal s
    JOIN adoption_seal_second a ON a.seal_id = s.seal_id AND a.agrees
    WHERE NOT EXISTS (SELECT FROM adoption_unsealing u JOIN adoption_unsealing_second b USING (unsealing_id)
                      WHERE u.seal_id = s.seal_id AND b.agrees);
COMMENT ON VIEW adoption_seal_in_force IS 'The seals that two persons made and that were not opened.';


---------------------------------------------------------------------------------------------------------- what is hidden

CREATE FUNCTION sealed_away(p_person text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.adoption_seal_second) THEN
        RETURN false;
    END IF;
    RETURN EXISTS (
        SELECT FROM public.adoption_seal_id i JOIN public.adoption_seal_in_force USING (seal_id)
        WHERE i.person_id = p_person
    ) OR EXISTS (
        SELECT FROM public.membership m
        JOIN public.adoption_seal_record r USING (record_id) JOIN public.adoption_seal_in_force USING (seal_id)
        WHERE m.person_id = p_person AND m.to_at IS NULL
          AND (r.side = 'apart' OR (r.side = 'before' AND r.origin = 'named'))
    );
END $$;
COMMENT ON FUNCTION sealed_away(text) IS
    'Whether an id leads to nothing, for anybody: it retired by a seal, or is now the person of a sealed time.';

CREATE FUNCTION sealed_away_record(p_record bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.adoption_seal_second) THEN
        RETURN false;
    END IF;
    RETURN EXISTS (
        SELECT FROM public.adoption_seal_record r JOIN public.adoption_seal_in_force USING (seal_id)
        WHERE r.record_id = p_record AND (r.side = 'apart' OR (r.side = 'before' AND r.origin = 'named'))
    ) OR EXISTS (
        SELECT FROM public.membership m
        WHERE m.record_id = p_record AND m.to_at IS NULL AND public.sealed_away(m.person_id)
    );
END $$;
COMMENT ON FUNCTION sealed_away_record(bigint) IS
    'Whether a record is as if it were not there: it is of a sealed time, or of a person with such a record.';

CREATE FUNCTION adoption_values(n normalised_record) RETURNS TABLE (kind text, digest bytea)
LANGUAGE sql IMMUTABLE AS $$
    SELECT DISTINCT v.kind, sha256(convert_to(v.text, 'UTF8'))
    FROM (
        SELECT 'name' AS kind, 'name|' || f.name || '|' || l.name || '|' || n.birth_date AS text
        FROM unnest(n.first_alternatives) AS f (name) CROSS JOIN unnest(n.last_tokens) AS l (name)
        UNION ALL SELECT 'parent', 'parent|' || n.mother_first || '|' || n.mother_last
        UNION ALL SELECT 'parent', 'parent|' || n.guardian_first || '|' || n.guardian_last
    ) AS v WHERE v.text IS NOT NULL
$$;
COMMENT ON FUNCTION adoption_values(normalised_record) IS 'What a record says that tells the time before an adoption from the time after it.';

CREATE FUNCTION bears_sealed(p_record bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM public.adoption_seal_second) AND EXISTS (
        SELECT FROM public.adoption_seal_record r
        JOIN public.adoption_seal_in_force s USING (seal_id)
        JOIN public.normalised_record n USING (record_id)
        CROSS JOIN LATERAL public.adoption_values(n) v
        JOIN public.adoption_seal_value x
            ON x.digest = v.digest AND x.seal_id = r.seal_id AND x.side = 'before'
        WHERE r.record_id = p_record AND r.side = 'after'
    );
END $$;
COMMENT ON FUNCTION bears_sealed(bigint) IS
    'Whether a record of the time after an adoption still bears the birth name or the parents: nobody is found by it.';

CREATE FUNCTION redacted(p_record bigint, p_values jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_values IS NULL OR NOT EXISTS (SELECT FROM public.adoption_seal_second) OR NOT EXISTS (
        SELECT FROM public.adoption_seal_record r JOIN public.adoption_seal_in_force USING (seal_id)
        WHERE r.record_id = p_record AND r.side = 'after')
    THEN
        RETURN p_values;
    END IF;
    RETURN (
        SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(p_values) AS e
        WHERE e.key NOT IN ('alias_names', 'mother_first_name', 'mother_last_name', 'guardian_first_name',
                            'guardian_last_name')
          AND NOT (e.key IN ('first_name', 'middle_name', 'last_name', 'suffix') AND public.bears_sealed(p_record))
          AND NOT ((e.key IN ('cin', 'case_id', 'address_line', 'phone', 'email') OR e.key LIKE 'identifier.%') AND EXISTS (
              SELECT FROM public.adoption_seal_record r
              JOIN public.adoption_seal_in_force USING (seal_id)
              JOIN public.adoption_seal_record b ON b.seal_id = r.seal_id AND b.side = 'before' AND b.origin <> 'value'
              JOIN public.source_record_version o ON o.record_id = b.record_id
              WHERE r.record_id = p_record AND r.side = 'after' AND o.source_values -> e.key = e.value)));
END $$;
COMMENT ON FUNCTION redacted(bigint, jsonb) IS
    'Values of a record without what would tell of the time before an adoption: other names, parents, the birth name, and '
    'numbers, addresses and cases that the time before has too.';


------------------------------------------------------------------------------------------------------ what is kept apart

CREATE FUNCTION take_sides() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.adoption_seal_second) THEN
        RETURN NULL;
    END IF;
    INSERT INTO public.adoption_seal_record (seal_id, record_id, side, origin)
    SELECT s.seal_id, n.record_id, CASE count(DISTINCT x.side) WHEN 1 THEN min(x.side) ELSE 'apart' END, 'value'
    FROM arrived a
    JOIN public.normalised_record n USING (record_id)
    CROSS JOIN LATERAL public.adoption_values(n) v
    JOIN public.adoption_seal_value x ON x.digest = v.digest AND x.kind = 'name'
    JOIN public.adoption_seal_in_force s ON s.seal_id = x.seal_id
    GROUP BY s.seal_id, n.record_id
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION take_sides() IS
    'A record that comes with a full name and birth date of one side of a seal is kept from the other; with those of both, '
    'from both.';
CREATE TRIGGER take_sides AFTER INSERT ON normalised_record REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION take_sides();

CREATE FUNCTION keep_sides() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.adoption_seal_second) THEN
        RETURN NULL;
    END IF;
    IF EXISTS (
        SELECT FROM begun b JOIN public.adoption_seal_id i USING (person_id) JOIN public.adoption_seal_in_force USING (seal_id)
    ) OR EXISTS (
        SELECT FROM (SELECT DISTINCT person_id FROM begun) b
        JOIN public.membership m ON m.person_id = b.person_id AND m.to_at IS NULL
        JOIN public.adoption_seal_record r ON r.record_id = m.record_id
        JOIN public.adoption_seal_in_force USING (seal_id)
        GROUP BY b.person_id, seal_id HAVING count(DISTINCT r.side) > 1
    ) THEN
        RAISE EXCEPTION 'an adoption seal keeps these records apart' USING ERRCODE = 'restrict_violation';
    END IF;
    WITH joined AS (
        INSERT INTO public.adoption_seal_record (seal_id, record_id, side, origin)
        SELECT DISTINCT r.seal_id, o.record_id, r.side, 'joined'
        FROM (SELECT DISTINCT person_id FROM begun) b
        JOIN public.membership m ON m.person_id = b.person_id AND m.to_at IS NULL
        JOIN public.adoption_seal_record r ON r.record_id = m.record_id AND r.origin <> 'value' AND r.side <> 'apart'
        JOIN public.adoption_seal_in_force USING (seal_id)
        JOIN public.membership o ON o.person_id = b.person_id AND o.to_at IS NULL
        ON CONFLICT DO NOTHING
        RETURNING seal_id, record_id, side
    )
    INSERT INTO public.adoption_seal_value (seal_id, side, kind, digest)
    SELECT DISTINCT j.seal_id, j.side, v.kind, v.digest
    FROM joined j
    JOIN public.normalised_record n USING (record_id)
    CROSS JOIN LATERAL public.adoption_values(n) v
    WHERE NOT EXISTS (SELECT FROM public.adoption_seal_value x WHERE x.seal_id = j.seal_id AND x.digest = v.digest)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION keep_sides() IS
    'Whatever publishes memberships: a person never has records of two sides of a seal, no id comes back that a seal '
    'retired, and a record that comes to a person of one side stands on it for ever.';
CREATE TRIGGER keep_sides AFTER INSERT ON membership REFERENCING NEW TABLE AS begun
    FOR EACH STATEMENT EXECUTE FUNCTION keep_sides();


---------------------------------------------------------------------------------------------------------------- telling

ALTER FUNCTION may_learn(bigint, text, text, text, text, text, bigint, timestamptz) RENAME TO may_learn_but_for_seals;
CREATE FUNCTION may_learn(
    p_record bigint, p_source text, p_client text, p_user text, p_purpose text, p_action text, p_application bigint,
    p_now timestamptz
) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN NOT sealed_away_record(p_record) THEN
        may_learn_but_for_seals(p_record, p_source, p_client, p_user, p_purpose, p_action, p_application, p_now) END;
END $$;
COMMENT ON FUNCTION may_learn_but_for_seals(bigint, text, text, text, text, text, bigint, timestamptz) IS
    'As may_learn, of records of a sealed time too: for what was told of them before, and has to be taken back.';
COMMENT ON FUNCTION may_learn(bigint, text, text, text, text, text, bigint, timestamptz) IS
    'The clauses by which a caller may learn of one record, by what is on file for its person now; null: it may not.';

ALTER FUNCTION told_values(bigint, integer, timestamptz, text[], text[]) RENAME TO told_values_but_for_seals;
CREATE FUNCTION told_values(
    p_record bigint, p_version integer, p_as_of timestamptz, p_granted text[], p_wanted text[])
RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT redacted(p_record, told_values_but_for_seals(p_record, p_version, p_as_of, p_granted, p_wanted))
$$;
COMMENT ON FUNCTION told_values(bigint, integer, timestamptz, text[], text[]) IS
    'Values of a record, in the version that holds or, for a past moment, in the last that had come by then. Of protected '
    'persons no whereabouts, and no name but that of the record that is flagged; of adopted ones nothing sealed.';

ALTER FUNCTION segregated.permitted(text, text, text, text, text, text[], timestamptz, boolean)
    RENAME TO permitted_but_for_seals;
CREATE FUNCTION segregated.permitted(
    p_person text, p_client text, p_user text, p_purpose text, p_action text, p_attributes text[],
    p_as_of timestamptz, p_ever boolean
) RETURNS TABLE (
    record_id bigint, source text, source_record_id text, from_at timestamptz, to_at timestamptz,
    probability double precision, reason text, clauses text[], told jsonb
) LANGUAGE sql STABLE AS $$
    SELECT * FROM segregated.permitted_but_for_seals(
        p_person, p_client, p_user, p_purpose, p_action, p_attributes, p_as_of, p_ever) q
    WHERE NOT public.sealed_away(p_person)
$$;

ALTER FUNCTION segregated.may_learn(bigint, text, text, text, text, text, text) RENAME TO may_learn_but_for_seals;
CREATE FUNCTION segregated.may_learn(
    p_record bigint, p_person text, p_source text, p_client text, p_user text, p_purpose text, p_action text
) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN NOT public.sealed_away(p_person) THEN
        segregated.may_learn_but_for_seals(p_record, p_person, p_source, p_client, p_user, p_purpose, p_action) END
$$;

CREATE FUNCTION told_since(p_record bigint, p_from timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (
        SELECT FROM adoption_seal_record r JOIN adoption_seal_in_force USING (seal_id)
        JOIN adoption_seal_second s USING (seal_id)
        WHERE r.record_id = p_record AND r.side = 'after' AND r.origin = 'named' AND p_from >= s.decided_at
          AND NOT EXISTS (SELECT FROM membership e WHERE e.record_id = p_record AND e.from_at >= s.decided_at
                          AND e.from_at < p_from))
    THEN (SELECT min(v.recorded_at) FROM source_record_version v WHERE v.record_id = p_record) ELSE p_from END
$$;
COMMENT ON FUNCTION told_since(bigint, timestamptz) IS
    'Since when a record is told to belong to its person: not since the moment of a seal, at which another id retired, but '
    'since it came.';

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
    v_seals       boolean := EXISTS (SELECT FROM adoption_seal_second);
    v_told        boolean := false;
BEGIN
    IF p_source IS NOT NULL THEN
        p_persons := ARRAY[coalesce((
            SELECT m.person_id FROM source_record r JOIN membership m ON m.record_id = r.record_id
            WHERE r.source = p_source AND r.source_record_id = p_source_record_id
              AND CASE WHEN v_seals THEN told_since(m.record_id, m.from_at) ELSE m.from_at END <= v_then
              AND (m.to_at IS NULL OR m.to_at > v_then) AND (NOT v_seals OR NOT sealed_away(m.person_id))), '')];
    END IF;
    FOREACH v_asked IN ARRAY p_persons LOOP
        SELECT * INTO v_person FROM person_then(v_asked, v_then) p
        WHERE p.created_at <= v_then OR (v_seals AND EXISTS (
            SELECT FROM membership m
            WHERE m.person_id = p.person_id AND told_since(m.record_id, m.from_at) <= v_then));
        v_retired_at := CASE WHEN v_person.retired_at <= v_then THEN v_person.retired_at END;
        WHILE v_person.retired_at <= v_then AND v_person.forwards_to IS NOT NULL AND NOT p_ever LOOP
            SELECT * INTO v_person FROM person_then(v_person.forwards_to, v_then);
        END LOOP;
        IF v_seals AND (sealed_away(v_person.person_id) OR sealed_away(v_asked)) THEN
            v_person := NULL;  -- as an id that nobody has: nothing of the time before an adoption, then or now
        END IF;

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
            SELECT m.record_id, r.source, r.source_record_id,
                   CASE WHEN v_seals THEN told_since(m.record_id, m.from_at) ELSE m.from_at END AS from_at, m.to_at,
                   m.probability, m.reason, p.clauses,
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
              AND (NOT v_seals OR NOT sealed_away_record(m.record_id))
              AND (p_ever OR (CASE WHEN v_seals THEN told_since(m.record_id, m.from_at) ELSE m.from_at END <= v_then
                              AND (m.to_at IS NULL OR m.to_at > v_then)
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

CREATE OR REPLACE FUNCTION released_events(
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
        IF v_seals THEN  -- a sealed time is told of by a bare retirement, and what left it has come from nowhere
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

REVOKE EXECUTE ON FUNCTION
    sealed_away(text), sealed_away_record(bigint), adoption_values(normalised_record), bears_sealed(bigint),
    redacted(bigint, jsonb), told_since(bigint, timestamptz),
    may_learn(bigint, text, text, text, text, text, bigint, timestamptz),
    told_values(bigint, integer, timestamptz, text[], text[]),
    segregated.permitted(text, text, text, text, text, text[], timestamptz, boolean),
    segregated.may_learn(bigint, text, text, text, text, text, text)
FROM PUBLIC;
