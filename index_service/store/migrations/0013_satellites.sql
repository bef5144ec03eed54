-- Segregated sources (42 CFR Part 2): that a person is known there is itself what must not be told. Their records lie in
-- a schema of their own, in tables of the same names, so that nothing which reads the index's own tables can meet them.
-- Persons are formed without them; each is attached to one person afterwards, or stands alone.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';

CREATE SCHEMA segregated;
COMMENT ON SCHEMA segregated IS 'The partition of segregated sources: nothing in public refers to it or follows from it.';

CREATE TABLE segregated.known_source (
    source text COLLATE "C" PRIMARY KEY
);
COMMENT ON TABLE segregated.known_source IS 'The segregated sources of which records ever came.';
COMMENT ON COLUMN segregated.known_source.source IS 'The source, by its name in the configuration.';


----------------------------------------------------------------------------------------- facts, and what is on file

DO $$
DECLARE
    name text;
    described text;
BEGIN
    FOREACH name IN ARRAY ARRAY['load', 'load_field_quality', 'source_record', 'source_record_version',
        'normalised_record', 'record_key', 'record_to_link', 'answered_write', 'consent', 'consent_revoked',
        'relationship', 'relationship_ended']
    LOOP
        EXECUTE format('CREATE TABLE segregated.%I (LIKE public.%I INCLUDING ALL)', name, name);
        described := obj_description(('public.' || name)::regclass);
        EXECUTE format('COMMENT ON TABLE segregated.%I IS %L', name, 'Of segregated sources: ' || described);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['source_record_version', 'consent', 'consent_revoked', 'relationship',
        'relationship_ended']
    LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON segregated.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;

-- Numbers below zero: no record or load of one partition is ever taken for one of the other.
ALTER TABLE segregated.source_record ALTER COLUMN record_id
    SET INCREMENT BY -1 SET MINVALUE -9223372036854775807 SET MAXVALUE -1 SET START WITH -1 RESTART;
ALTER TABLE segregated.load ALTER COLUMN load_id
    SET INCREMENT BY -1 SET MINVALUE -2147483647 SET MAXVALUE -1 SET START WITH -1 RESTART;
ALTER TABLE segregated.consent ALTER COLUMN consent_id
    SET INCREMENT BY -1 SET MINVALUE -9223372036854775807 SET MAXVALUE -1 SET START WITH -1 RESTART;
ALTER TABLE segregated.relationship ALTER COLUMN relationship_id
    SET INCREMENT BY -1 SET MINVALUE -9223372036854775807 SET MAXVALUE -1 SET START WITH -1 RESTART;

ALTER TABLE segregated.consent ADD FOREIGN KEY (record_id) REFERENCES segregated.source_record;
ALTER TABLE segregated.consent_revoked ADD FOREIGN KEY (consent_id) REFERENCES segregated.consent;
ALTER TABLE segregated.relationship ADD FOREIGN KEY (record_id) REFERENCES segregated.source_record;
ALTER TABLE segregated.relationship_ended ADD FOREIGN KEY (relationship_id) REFERENCES segregated.relationship;


------------------------------------------------------------------------------------------------- whom they belong to

CREATE TABLE segregated.own_person (
    person_id  text COLLATE "C" PRIMARY KEY,
    record_id  bigint NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE segregated.own_person IS
    'The id that a record has while it stands alone, for ever: while it is attached, the id forwards to its person.';
COMMENT ON COLUMN segregated.own_person.person_id IS 'The id, drawn as every person id is.';
COMMENT ON COLUMN segregated.own_person.record_id IS 'The record.';
COMMENT ON COLUMN segregated.own_person.created_at IS 'When it first stood alone.';
COMMENT ON INDEX segregated.own_person_record_id_key IS 'Finds the id of a record; it has one.';

CREATE TABLE segregated.membership (
    record_id   bigint NOT NULL,
    person_id   text COLLATE "C" NOT NULL,  -- no foreign key: person must not know who refers to it
    from_at     timestamptz NOT NULL,
    to_at       timestamptz,
    probability double precision,
    reason      text NOT NULL,
    PRIMARY KEY (record_id, from_at),
    CHECK (to_at > from_at)
);
COMMENT ON TABLE segregated.membership IS 'Which person a segregated record belonged to, from when to when, and why.';
COMMENT ON COLUMN segregated.membership.record_id IS 'The record.';
COMMENT ON COLUMN segregated.membership.person_id IS 'A person of the index, or the id of its own while it stands alone.';
COMMENT ON COLUMN segregated.membership.from_at IS 'When the membership began.';
COMMENT ON COLUMN segregated.membership.to_at IS 'When it ended (that moment excluded); empty while it holds.';
COMMENT ON COLUMN segregated.membership.probability IS 'Probability, when it began, that the record belongs to the person.';
COMMENT ON COLUMN segregated.membership.reason IS 'Why it began.';
CREATE UNIQUE INDEX membership_one_holds ON segregated.membership (record_id) WHERE to_at IS NULL;
COMMENT ON INDEX segregated.membership_one_holds IS 'A record belongs to one person at a time; also finds it.';
CREATE INDEX membership_by_person ON segregated.membership (person_id, from_at);
COMMENT ON INDEX segregated.membership_by_person IS 'The segregated records of a person, now or at any past time.';

CREATE TABLE segregated.regard (
    record_id bigint PRIMARY KEY,
    records   bigint[] NOT NULL,
    persons   text[] COLLATE "C" NOT NULL
);
COMMENT ON TABLE segregated.regard IS 'What a record was weighed with when it was last attached: where that changes, it is weighed again.';
COMMENT ON COLUMN segregated.regard.record_id IS 'The segregated record.';
COMMENT ON COLUMN segregated.regard.records IS 'Records of the index that shared a blocking key with it.';
COMMENT ON COLUMN segregated.regard.persons IS 'Their persons.';
CREATE INDEX regard_by_record ON segregated.regard USING gin (records);
COMMENT ON INDEX segregated.regard_by_record IS 'What a change to a record of the index may concern.';
CREATE INDEX regard_by_person ON segregated.regard USING gin (persons);
COMMENT ON INDEX segregated.regard_by_person IS 'What a change to a person may concern.';

CREATE TABLE segregated.attached_as_of (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    last_run bigint NOT NULL,
    relinks  text NOT NULL
);
COMMENT ON TABLE segregated.attached_as_of IS 'Up to which state of the index the segregated records have followed it.';
COMMENT ON COLUMN segregated.attached_as_of.only_one IS 'There is one row at most.';
COMMENT ON COLUMN segregated.attached_as_of.last_run IS 'The newest run of then: later ones name what they settled.';
COMMENT ON COLUMN segregated.attached_as_of.relinks IS 'Which relinks were published or undone by then: after another one, all are weighed again.';

CREATE TABLE segregated.event (
    seq              bigint PRIMARY KEY,
    kind             text NOT NULL CHECK (kind IN ('created', 'joined', 'added', 'moved', 'removed')),
    person_id        text COLLATE "C" NOT NULL,
    other_person_ids text[] NOT NULL,
    record_id        bigint NOT NULL,
    records          jsonb NOT NULL,
    at               timestamptz NOT NULL
);
COMMENT ON TABLE segregated.event IS 'What became of segregated records, in a gapless sequence of its own; never changed.';
COMMENT ON COLUMN segregated.event.seq IS 'Counts from 1 without a gap.';
COMMENT ON COLUMN segregated.event.kind IS
    'created: it stands alone; added: new, it came to this person; joined: it stood alone and came to this person; '
    'moved: it came from another person; removed: it was withdrawn.';
COMMENT ON COLUMN segregated.event.person_id IS 'The person it is about.';
COMMENT ON COLUMN segregated.event.other_person_ids IS 'Where the record was before.';
COMMENT ON COLUMN segregated.event.record_id IS 'The record.';
COMMENT ON COLUMN segregated.event.records IS 'Its key, as [[source, id]].';
COMMENT ON COLUMN segregated.event.at IS 'When it happened.';
CREATE INDEX event_by_person ON segregated.event (person_id, seq);
COMMENT ON INDEX segregated.event_by_person IS 'The history of a person.';
CREATE INDEX event_by_other_person ON segregated.event USING gin (other_person_ids) WHERE other_person_ids <> '{}';
COMMENT ON INDEX segregated.event_by_other_person IS 'The events in which a record left a person.';


------------------------------------------------------------------------------------------------- what stewards judge

CREATE TABLE segregated.judgement (
    judgement_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind             text NOT NULL CHECK (kind IN ('same', 'different')),
    source           text COLLATE "C" NOT NULL,
    source_record_id text COLLATE "C" NOT NULL,
    records          jsonb NOT NULL,
    reason           text NOT NULL,
    decided_by       text NOT NULL,
    decided_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE segregated.judgement IS 'What a steward with the right said of a segregated record and a person; never changed.';
COMMENT ON COLUMN segregated.judgement.judgement_id IS 'Number of the judgement.';
COMMENT ON COLUMN segregated.judgement.kind IS 'same: the record is of this person; different: it is not.';
COMMENT ON COLUMN segregated.judgement.source IS 'Source of the segregated record.';
COMMENT ON COLUMN segregated.judgement.source_record_id IS 'Id of the segregated record.';
COMMENT ON COLUMN segregated.judgement.records IS
    'The records of the person at that time, the one that agrees most first: they name the person for ever.';
COMMENT ON COLUMN segregated.judgement.reason IS 'Why, in the steward''s words.';
COMMENT ON COLUMN segregated.judgement.decided_by IS 'Who decided.';
COMMENT ON COLUMN segregated.judgement.decided_at IS 'When it was decided.';
CREATE INDEX judgement_by_record ON segregated.judgement (source, source_record_id);
COMMENT ON INDEX segregated.judgement_by_record IS 'What was said of a record.';

CREATE TABLE segregated.judgement_undone (
    judgement_id bigint PRIMARY KEY REFERENCES segregated.judgement,
    reason       text NOT NULL,
    undone_by    text NOT NULL,
    undone_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE segregated.judgement_undone IS 'That a judgement no longer holds.';
COMMENT ON COLUMN segregated.judgement_undone.judgement_id IS 'The judgement.';
COMMENT ON COLUMN segregated.judgement_undone.reason IS 'Why it was undone.';
COMMENT ON COLUMN segregated.judgement_undone.undone_by IS 'Who undid it.';
COMMENT ON COLUMN segregated.judgement_undone.undone_at IS 'When it was undone.';

CREATE TABLE segregated.question (
    question_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    record_id   bigint NOT NULL,
    persons     text[] COLLATE "C" NOT NULL CHECK (cardinality(persons) > 0),
    weight_bits double precision[] NOT NULL,
    asked_at    timestamptz NOT NULL,
    closed_at   timestamptz
);
COMMENT ON TABLE segregated.question IS 'Asks stewards with the right whether a segregated record is of one of these persons.';
COMMENT ON COLUMN segregated.question.question_id IS 'Number of the question.';
COMMENT ON COLUMN segregated.question.record_id IS 'The segregated record.';
COMMENT ON COLUMN segregated.question.persons IS 'The persons that it may be of, the likeliest first.';
COMMENT ON COLUMN segregated.question.weight_bits IS 'Weight of the record with each of them, in bits.';
COMMENT ON COLUMN segregated.question.asked_at IS 'When it was asked first.';
COMMENT ON COLUMN segregated.question.closed_at IS 'When it was decided, or was no longer in doubt.';
CREATE UNIQUE INDEX question_asked_once ON segregated.question (record_id) WHERE closed_at IS NULL;
COMMENT ON INDEX segregated.question_asked_once IS 'One question is open about a record at most.';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['own_person', 'event', 'judgement', 'judgement_undone']
    LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON segregated.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;

CREATE INDEX run_relinks ON run (run_id) WHERE kind IN ('full', 'changed', 'undo');
COMMENT ON INDEX run_relinks IS 'The relinks among many live runs.';


------------------------------------------------------------------------------------------------------------ releasing

CREATE FUNCTION segregated.sees_any(p_client text, p_purpose text, p_action text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM agreement_permit p
        WHERE p.application_id = (SELECT max(a.application_id) FROM agreement_application a)
          AND p.client_id = p_client AND p.purpose = p_purpose AND p.action = p_action
          AND p.from_at <= clock_timestamp() AND clock_timestamp() < p.until_at
          AND EXISTS (SELECT FROM segregated.known_source k WHERE k.source = p.source))
$$;
COMMENT ON FUNCTION segregated.sees_any(text, text, text) IS
    'Whether an agreement grants a caller a segregated source at all. For who has none, nothing further here is read.';

CREATE FUNCTION segregated.may_learn(
    p_record bigint, p_person text, p_source text, p_client text, p_user text, p_purpose text, p_action text
) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_now     timestamptz := clock_timestamp();
    v_filed   text[];
    v_related text[];
BEGIN
    SELECT coalesce(array_agg(f.word) FILTER (WHERE f.word LIKE '%:%'), '{}'),
           coalesce(array_agg(f.word) FILTER (WHERE f.word NOT LIKE '%:%'), '{}')
    INTO v_filed, v_related
    FROM (
        SELECT c.kind || ':' || s.name || ':' || CASE c.covers WHEN 'person' THEN '*' ELSE c.record_id::text END
        FROM (
            SELECT c.* FROM membership m JOIN consent c USING (record_id)
            WHERE m.person_id = p_person AND m.to_at IS NULL
              AND NOT EXISTS (SELECT FROM consent_revoked r WHERE r.consent_id = c.consent_id)
            UNION ALL
            SELECT c.* FROM segregated.consent c
            WHERE c.record_id IN (SELECT p_record UNION SELECT m.record_id FROM segregated.membership m
                                  WHERE m.person_id = p_person AND m.to_at IS NULL)
              AND NOT EXISTS (SELECT FROM segregated.consent_revoked r WHERE r.consent_id = c.consent_id)
        ) c CROSS JOIN LATERAL unnest(c.sources) AS s (name)
        WHERE (c.clients = '{}' OR p_client = ANY (c.clients)) AND (c.purposes = '{}' OR p_purpose = ANY (c.purposes))
          AND c.from_at <= v_now AND (c.until_at IS NULL OR v_now < c.until_at)
        UNION ALL
        SELECT l.kind
        FROM (
            SELECT l.* FROM membership m JOIN relationship l USING (record_id)
            WHERE m.person_id = p_person AND m.to_at IS NULL
              AND NOT EXISTS (SELECT FROM relationship_ended e WHERE e.relationship_id = l.relationship_id)
            UNION ALL
            SELECT l.* FROM segregated.relationship l
            WHERE l.record_id IN (SELECT p_record UNION SELECT m.record_id FROM segregated.membership m
                                  WHERE m.person_id = p_person AND m.to_at IS NULL)
              AND NOT EXISTS (SELECT FROM segregated.relationship_ended e WHERE e.relationship_id = l.relationship_id)
        ) l
        WHERE (l.kind = 'legal_responsibility'
               OR (l.client_id = p_client AND (l.user_id IS NULL OR l.user_id = p_user)))
          AND l.from_at <= v_now AND (l.until_at IS NULL OR v_now < l.until_at)
    ) f (word);
    IF v_filed && ARRAY['refusal:' || p_source || ':*', 'refusal:' || p_source || ':' || p_record] THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT array_agg(p.agreement || ':' || p.clause)
        FROM agreement_permit p
        WHERE p.application_id = (SELECT max(a.application_id) FROM agreement_application a)
          AND p.client_id = p_client AND p.purpose = p_purpose
          AND p.action = p_action AND p.from_at <= v_now AND v_now < p.until_at AND p.source = p_source
          AND (p.on_file = '{}'
               OR ('consent' = ANY (p.on_file)
                   AND v_filed && ARRAY['consent:' || p_source || ':*', 'consent:' || p_source || ':' || p_record])
               OR ('court_order' = ANY (p.on_file)
                   AND v_filed && ARRAY['court_order:' || p_source || ':*',
                                        'court_order:' || p_source || ':' || p_record]))
          AND (p.relationships = '{}' OR p.relationships && v_related)
          AND (NOT p.legal_responsibility OR 'legal_responsibility' = ANY (v_related))
          AND NOT p.breaks_glass  -- the glass cannot be broken for a segregated source
    );
END $$;
COMMENT ON FUNCTION segregated.may_learn(bigint, text, text, text, text, text, text) IS
    'The clauses by which a caller may learn of one segregated record, by what is on file now for the record and for the '
    'person given; null: it may not.';

CREATE FUNCTION segregated.permitted(
    p_person text, p_client text, p_user text, p_purpose text, p_action text, p_attributes text[],
    p_as_of timestamptz, p_ever boolean
) RETURNS TABLE (
    record_id bigint, source text, source_record_id text, from_at timestamptz, to_at timestamptz,
    probability double precision, reason text, clauses text[], told jsonb
) LANGUAGE sql STABLE AS $$
    SELECT m.record_id, r.source, r.source_record_id, m.from_at, m.to_at, m.probability, m.reason, l.clauses,
           CASE WHEN p_attributes <> '{}' THEN (
               SELECT jsonb_object_agg(e.key, e.value)
               FROM (SELECT v.source_values FROM segregated.source_record_version v
                     WHERE v.record_id = m.record_id AND (v.version = r.current_version OR p_as_of IS NOT NULL)
                       AND (p_as_of IS NULL OR v.recorded_at <= p_as_of)
                     ORDER BY v.version DESC LIMIT 1) v
               CROSS JOIN LATERAL jsonb_each(v.source_values) AS e
               WHERE e.key = ANY (p_attributes) AND e.key <> 'ssn'  -- whatever a clause says
                 AND EXISTS (
                     SELECT FROM agreement_permit p
                     WHERE p.application_id = (SELECT max(a.application_id) FROM agreement_application a)
                       AND p.client_id = p_client AND p.purpose = p_purpose AND p.action = p_action
                       AND p.from_at <= clock_timestamp() AND clock_timestamp() < p.until_at AND p.source = r.source
                       AND p.agreement || ':' || p.clause = ANY (l.clauses) AND e.key = ANY (p.attributes)))
           END
    FROM segregated.membership m
    JOIN segregated.source_record r ON r.record_id = m.record_id
    CROSS JOIN LATERAL (
        SELECT segregated.may_learn(m.record_id, p_person, r.source, p_client, p_user, p_purpose, p_action)
    ) l (clauses)
    WHERE m.person_id = p_person AND l.clauses IS NOT NULL
      AND (p_ever OR (m.from_at <= coalesce(p_as_of, 'infinity')
                      AND (m.to_at IS NULL OR m.to_at > coalesce(p_as_of, 'infinity'))
                      AND (p_as_of IS NOT NULL OR NOT r.withdrawn)))
$$;
COMMENT ON FUNCTION segregated.permitted(text, text, text, text, text, text[], timestamptz, boolean) IS
    'The segregated records of a person that a caller may learn of.';

CREATE FUNCTION told_of_persons(
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
    v_action      text := CASE WHEN p_ever OR p_as_of IS NOT NULL THEN 'history' ELSE p_action END;
    v_then        timestamptz := coalesce(p_as_of, 'infinity');
    v_application bigint;
    v_named       bigint;  -- the segregated record by which a person is asked for
    v_named_of    text;
    v_asked       text;
    v_answering   text;
    v_person      person;
    v_number      bigint;
    v_core        record;
    v_asked_core  boolean := false;
    v_here        boolean;  -- something of the index itself was told of this person
    v_told        boolean := false;
BEGIN
    IF NOT segregated.sees_any(p_client, p_purpose, v_action) THEN
        RETURN QUERY SELECT * FROM released(p_client, p_user, p_purpose, p_action, p_request, p_question, p_persons,
            p_source, p_source_record_id, p_attributes, p_as_of, p_ever);
        RETURN;
    END IF;
    v_application := (SELECT max(a.application_id) FROM agreement_application a);

    IF p_source IS NOT NULL THEN
        SELECT r.record_id, m.person_id INTO v_named, v_named_of
        FROM segregated.source_record r JOIN segregated.membership m ON m.record_id = r.record_id
        WHERE r.source = p_source AND r.source_record_id = p_source_record_id
          AND m.from_at <= v_then AND (m.to_at IS NULL OR m.to_at > v_then);
        p_persons := ARRAY[coalesce(v_named_of, '')];
    END IF;
    FOREACH v_asked IN ARRAY p_persons LOOP
        v_answering := v_asked;
        v_here := false;
        IF p_source IS NULL AND NOT p_ever THEN  -- an id of its own leads to the person that its record is attached to
            SELECT o.record_id, m.person_id INTO v_named, v_answering
            FROM segregated.own_person o JOIN segregated.membership m ON m.record_id = o.record_id
            WHERE o.person_id = v_asked AND m.from_at <= v_then AND (m.to_at IS NULL OR m.to_at > v_then);
            v_answering := coalesce(v_answering, v_asked);
        END IF;
        IF v_named IS NOT NULL AND NOT EXISTS (
            SELECT FROM segregated.permitted(
                v_answering, p_client, p_user, p_purpose, v_action, '{}', p_as_of, p_ever) q
            WHERE q.record_id = v_named)
        THEN
            CONTINUE;
        END IF;

        IF p_source IS NOT NULL AND v_named IS NULL THEN  -- a record of the index itself
            v_asked_core := true;
            FOR v_core IN SELECT * FROM released(p_client, p_user, p_purpose, p_action, p_request, p_question,
                p_persons, p_source, p_source_record_id, p_attributes, p_as_of, p_ever)
            LOOP
                v_asked := v_core.asked_person_id;
                v_answering := v_core.person_id;
                v_here := true;
                v_told := true;
                asked_person_id := v_asked;
                person_id := v_core.person_id;
                retired_at := v_core.retired_at;
                source := v_core.source;
                source_record_id := v_core.source_record_id;
                from_at := v_core.from_at;
                to_at := v_core.to_at;
                probability := v_core.probability;
                reason := v_core.reason;
                attributes := v_core.attributes;
                disclosure_id := v_core.disclosure_id;
                RETURN NEXT;
            END LOOP;
            CONTINUE WHEN NOT v_here;
        ELSIF EXISTS (SELECT FROM person p WHERE p.person_id = v_answering) THEN
            v_asked_core := true;
            FOR v_core IN SELECT * FROM released(p_client, p_user, p_purpose, p_action, p_request, p_question,
                ARRAY[v_answering], NULL, NULL, p_attributes, p_as_of, p_ever)
            LOOP
                v_answering := v_core.person_id;
                v_here := true;
                v_told := true;
                asked_person_id := v_asked;
                person_id := v_core.person_id;
                retired_at := v_core.retired_at;
                source := v_core.source;
                source_record_id := v_core.source_record_id;
                from_at := v_core.from_at;
                to_at := v_core.to_at;
                probability := v_core.probability;
                reason := v_core.reason;
                attributes := v_core.attributes;
                disclosure_id := v_core.disclosure_id;
                RETURN NEXT;
            END LOOP;
            SELECT * INTO v_person FROM person_then(v_answering, v_then);
            WHILE v_person.retired_at <= v_then AND v_person.forwards_to IS NOT NULL AND NOT p_ever LOOP
                SELECT * INTO v_person FROM person_then(v_person.forwards_to, v_then);
            END LOOP;
            v_answering := v_person.person_id;
        END IF;

        WITH told AS MATERIALIZED (
            SELECT q.* FROM segregated.permitted(
                v_answering, p_client, p_user, p_purpose, v_action, p_attributes, p_as_of, p_ever) q
        ), entry AS (
            INSERT INTO disclosure AS d (at, client_id, user_id, purpose, action, outcome, application_id, question,
                                         person_id, pointers, request_id)
            SELECT clock_timestamp(), p_client, p_user, p_purpose, v_action, 'released', v_application, p_question,
                   v_answering,
                   json_agg(json_build_object('source', t.source, 'id', t.source_record_id, 'clauses', t.clauses,
                            'attributes', jsonb_path_query_array(coalesce(t.told, '{}'), '$.keyvalue().key'))),
                   p_request
            FROM told t
            WHERE v_asked = v_answering OR v_named IS NOT NULL OR v_here  -- as with retired ids of the index
               OR EXISTS (SELECT FROM told q JOIN segregated.membership e ON e.record_id = q.record_id
                          WHERE e.person_id = v_asked)
            HAVING count(*) > 0
            RETURNING d.disclosure_id
        )
        SELECT e.disclosure_id INTO v_number FROM entry e;
        IF v_number IS NOT NULL THEN
            v_told := true;
            RETURN QUERY
            SELECT v_asked, v_answering, (SELECT p.retired_at FROM person p WHERE p.person_id = v_asked),
                   q.source, q.source_record_id, q.from_at, q.to_at, q.probability, q.reason, q.told, v_number
            FROM segregated.permitted(
                v_answering, p_client, p_user, p_purpose, v_action, p_attributes, p_as_of, p_ever) q;
        END IF;
    END LOOP;

    IF NOT v_told AND NOT v_asked_core THEN
        INSERT INTO disclosure (at, client_id, user_id, purpose, action, outcome, application_id, question, request_id)
        VALUES (clock_timestamp(), p_client, p_user, p_purpose, v_action, 'nothing', v_application, p_question, p_request);
    END IF;
END $$;
COMMENT ON FUNCTION told_of_persons(text, text, text, text, text, bytea, text[], text, text, text[], timestamptz, boolean) IS
    'As released; to a caller with a right to segregated records, these beside the others. Each partition told of has '
    'its own row in the ledger, under the number of the request.';

CREATE FUNCTION told_of_records(
    p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea,
    p_sources text[], p_ids text[]
) RETURNS TABLE (source text, source_record_id text, person_id text, disclosure_id bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    IF segregated.sees_any(p_client, p_purpose, p_action) THEN
        RETURN QUERY
        WITH permitted AS MATERIALIZED (
            SELECT r.source, r.source_record_id, m.person_id,
                   segregated.may_learn(r.record_id, m.person_id, r.source, p_client, p_user, p_purpose, p_action)
                       AS clauses
            FROM (SELECT DISTINCT * FROM unnest(p_sources, p_ids) AS u (source, id)) AS a
            JOIN segregated.source_record r
                ON r.source = a.source AND r.source_record_id = a.id AND NOT r.withdrawn
            JOIN segregated.membership m ON m.record_id = r.record_id AND m.to_at IS NULL
        ), entry AS (
            INSERT INTO disclosure AS d (at, client_id, user_id, purpose, action, outcome, application_id, question,
                                         person_id, pointers, request_id)
            SELECT clock_timestamp(), p_client, p_user, p_purpose, p_action, 'released',
                   (SELECT max(a.application_id) FROM agreement_application a), p_question, p.person_id,
                   json_agg(json_build_object('source', p.source, 'id', p.source_record_id, 'clauses', p.clauses,
                                              'attributes', '[]'::json) ORDER BY p.source, p.source_record_id),
                   p_request
            FROM permitted p WHERE p.clauses IS NOT NULL GROUP BY p.person_id
            RETURNING d.person_id, d.disclosure_id
        )
        SELECT p.source, p.source_record_id, p.person_id, e.disclosure_id
        FROM permitted p JOIN entry e ON e.person_id = p.person_id WHERE p.clauses IS NOT NULL;
        IF FOUND AND NOT EXISTS (
            SELECT FROM unnest(p_sources) AS s (name) WHERE s.name NOT IN (SELECT k.source FROM segregated.known_source k))
        THEN
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT * FROM released_records(
        p_client, p_user, p_purpose, p_action, p_request, p_question, p_sources, p_ids);
END $$;
COMMENT ON FUNCTION told_of_records(text, text, text, text, text, bytea, text[], text[]) IS
    'As released_records; to a caller with a right to segregated records, these beside the others.';

CREATE FUNCTION told_of_events(
    p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea,
    p_person text, p_after bigint, p_after_segregated bigint, p_limit integer
) RETURNS TABLE (
    seq bigint, segregated_seq bigint, kind text, person_id text, other_person_ids text[], records jsonb, at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_end     bigint := (SELECT coalesce(max(e.seq), 0) FROM segregated.event e);
    v_sees    boolean := segregated.sees_any(p_client, p_purpose, p_action);
    v_core    record;
    v_event   segregated.event;
    v_key     record;
    v_clauses text[];
    v_told    integer := 0;
    v_more    boolean := false;
    v_entries jsonb := '[]';
BEGIN
    IF NOT v_sees THEN  -- and the position moves on in nothing that could tell
        RETURN QUERY SELECT e.seq, p_after_segregated, e.kind, e.person_id, e.other_person_ids, e.records, e.at
        FROM released_events(p_client, p_user, p_purpose, p_action, p_request, p_question, p_person, p_after, p_limit) e;
        RETURN;
    END IF;
    FOR v_core IN SELECT * FROM released_events(
        p_client, p_user, p_purpose, p_action, p_request, p_question, p_person, p_after, p_limit)
    LOOP
        IF v_core.person_id IS NOT NULL THEN
            v_told := v_told + 1;
            seq := v_core.seq;
            segregated_seq := p_after_segregated;
            kind := v_core.kind;
            person_id := v_core.person_id;
            other_person_ids := v_core.other_person_ids;
            records := v_core.records;
            at := v_core.at;
            RETURN NEXT;
        END IF;
    END LOOP;
    v_more := v_core.kind = 'more';
    FOR v_event IN
        SELECT * FROM segregated.event e
        WHERE e.seq > p_after_segregated AND e.seq <= v_end
          AND (p_person IS NULL OR e.person_id = p_person OR e.other_person_ids @> ARRAY[p_person])
        ORDER BY e.seq
    LOOP
        SELECT m.person_id, r.source INTO v_key
        FROM segregated.source_record r
        LEFT JOIN segregated.membership m ON m.record_id = r.record_id AND m.to_at IS NULL
        WHERE r.record_id = v_event.record_id;
        v_clauses := segregated.may_learn(
            v_event.record_id, v_key.person_id, v_key.source, p_client, p_user, p_purpose, p_action);
        CONTINUE WHEN v_clauses IS NULL;
        IF v_told = p_limit THEN
            v_more := true;
            v_end := v_event.seq - 1;
            EXIT;
        END IF;
        v_told := v_told + 1;
        seq := v_core.seq;
        segregated_seq := v_event.seq;
        kind := v_event.kind;
        person_id := v_event.person_id;
        other_person_ids := v_event.other_person_ids;
        records := v_event.records;
        at := v_event.at;
        v_entries := v_entries || jsonb_build_object(
            'person', v_event.person_id, 'source', v_key.source, 'id', v_event.records -> 0 ->> 1, 'clauses', v_clauses);
        RETURN NEXT;
    END LOOP;
    INSERT INTO disclosure (at, client_id, user_id, purpose, action, outcome, application_id, question, person_id,
                            pointers, request_id)
    SELECT clock_timestamp(), p_client, p_user, p_purpose, p_action, 'released',
           (SELECT max(a.application_id) FROM agreement_application a), p_question, e.pointer ->> 'person',
           json_agg(DISTINCT jsonb_build_object('source', e.pointer -> 'source', 'id', e.pointer -> 'id',
                    'clauses', e.pointer -> 'clauses', 'attributes', '[]'::jsonb)),
           p_request
    FROM jsonb_array_elements(v_entries) AS e (pointer)
    GROUP BY e.pointer ->> 'person';
    seq := v_core.seq;
    segregated_seq := v_end;
    kind := CASE WHEN v_more THEN 'more' END;
    person_id := NULL;
    other_person_ids := NULL;
    records := NULL;
    at := NULL;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION told_of_events(text, text, text, text, text, bytea, text, bigint, bigint, integer) IS
    'As released_events, with a second number for the events of segregated records, of which the page tells after the '
    'others; to a caller without a right to any it stays what it was.';

REVOKE EXECUTE ON FUNCTION
    told_of_persons(text, text, text, text, text, bytea, text[], text, text, text[], timestamptz, boolean),
    told_of_records(text, text, text, text, text, bytea, text[], text[]),
    told_of_events(text, text, text, text, text, bytea, text, bigint, bigint, integer),
    segregated.sees_any(text, text, text),
    segregated.may_learn(bigint, text, text, text, text, text, text),
    segregated.permitted(text, text, text, text, text, text[], timestamptz, boolean)
FROM PUBLIC;
