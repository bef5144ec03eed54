-- The schema as the migrations leave it, to read; written by the tests, never applied.
CREATE SCHEMA segregated;

COMMENT ON SCHEMA segregated IS 'The partition of segregated sources: nothing in public refers to it or follows from it.';

CREATE TABLE public.normalised_record (
    record_id bigint NOT NULL,
    version integer NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    source_record_id text NOT NULL COLLATE pg_catalog."C",
    first_name text,
    first_alternatives text[] NOT NULL,
    first_sound text,
    middle_name text,
    last_name text,
    last_tokens text[] NOT NULL,
    last_sound text,
    name_key text,
    suffix text,
    birth_date text,
    birth_year integer,
    birth_month integer,
    birth_day integer,
    birth_estimated boolean,
    sex text,
    birth_order integer,
    multiple_birth boolean,
    ssn text,
    cin text,
    identifiers text[] NOT NULL,
    identifier_types text[] NOT NULL,
    mother_first text,
    mother_last text,
    guardian_first text,
    guardian_last text,
    address text,
    house_number text,
    street text,
    zip text,
    city text,
    state text,
    phone text,
    email text,
    case_id text
);

COMMENT ON TABLE public.normalised_record IS 'The version that holds of each record not withdrawn, cleaned for matching; can be rebuilt.';

COMMENT ON COLUMN public.normalised_record.record_id IS 'The record.';

COMMENT ON COLUMN public.normalised_record.version IS 'The version of the source record that was normalised.';

COMMENT ON COLUMN public.normalised_record.source IS 'Source system, repeated here so that a relink reads one table.';

COMMENT ON COLUMN public.normalised_record.source_record_id IS 'Id in the source system, repeated for the same reason.';

COMMENT ON COLUMN public.normalised_record.first_name IS 'All given tokens, letters only.';

COMMENT ON COLUMN public.normalised_record.first_alternatives IS 'First name, its nickname roots, given names of aliases.';

COMMENT ON COLUMN public.normalised_record.first_sound IS 'Phonetic code of the first given token.';

COMMENT ON COLUMN public.normalised_record.middle_name IS 'Middle name.';

COMMENT ON COLUMN public.normalised_record.last_name IS 'All surname tokens, letters only.';

COMMENT ON COLUMN public.normalised_record.last_tokens IS 'Single surnames, those of aliases among them.';

COMMENT ON COLUMN public.normalised_record.last_sound IS 'Phonetic code of the surname.';

COMMENT ON COLUMN public.normalised_record.name_key IS 'First and last name in alphabetical order.';

COMMENT ON COLUMN public.normalised_record.suffix IS 'Generation suffix.';

COMMENT ON COLUMN public.normalised_record.birth_date IS 'Birth date, ISO, only when complete.';

COMMENT ON COLUMN public.normalised_record.birth_year IS 'Year of birth.';

COMMENT ON COLUMN public.normalised_record.birth_month IS 'Month of birth.';

COMMENT ON COLUMN public.normalised_record.birth_day IS 'Day of birth.';

COMMENT ON COLUMN public.normalised_record.birth_estimated IS 'The source says that the birth date is an estimate.';

COMMENT ON COLUMN public.normalised_record.sex IS 'f or m; other and unknown are no evidence.';

COMMENT ON COLUMN public.normalised_record.birth_order IS 'Place among the children of a multiple birth.';

COMMENT ON COLUMN public.normalised_record.multiple_birth IS 'Born as one of several.';

COMMENT ON COLUMN public.normalised_record.ssn IS 'Social security number, nine digits, sealed; equal numbers have equal texts.';

COMMENT ON COLUMN public.normalised_record.cin IS 'Medi-Cal client index number.';

COMMENT ON COLUMN public.normalised_record.identifiers IS 'Other personal identifiers as type:value.';

COMMENT ON COLUMN public.normalised_record.identifier_types IS 'The types among the identifiers.';

COMMENT ON COLUMN public.normalised_record.mother_first IS 'Mother''s first name.';

COMMENT ON COLUMN public.normalised_record.mother_last IS 'Mother''s last name.';

COMMENT ON COLUMN public.normalised_record.guardian_first IS 'Guardian''s first name.';

COMMENT ON COLUMN public.normalised_record.guardian_last IS 'Guardian''s last name.';

COMMENT ON COLUMN public.normalised_record.address IS 'House number, street and unit in standard abbreviations.';

COMMENT ON COLUMN public.normalised_record.house_number IS 'House number.';

COMMENT ON COLUMN public.normalised_record.street IS 'Street without number.';

COMMENT ON COLUMN public.normalised_record.zip IS 'Five-digit zip code.';

COMMENT ON COLUMN public.normalised_record.city IS 'City.';

COMMENT ON COLUMN public.normalised_record.state IS 'State.';

COMMENT ON COLUMN public.normalised_record.phone IS 'Telephone number, ten digits.';

COMMENT ON COLUMN public.normalised_record.email IS 'E-mail address.';

COMMENT ON COLUMN public.normalised_record.case_id IS 'Case in the source system.';

CREATE FUNCTION public.adoption_values(n public.normalised_record) RETURNS TABLE(kind text, digest bytea)
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT DISTINCT v.kind, sha256(convert_to(v.text, 'UTF8'))
    FROM (
        SELECT 'name' AS kind, 'name|' || f.name || '|' || l.name || '|' || n.birth_date AS text
        FROM unnest(n.first_alternatives) AS f (name) CROSS JOIN unnest(n.last_tokens) AS l (name)
        UNION ALL SELECT 'parent', 'parent|' || n.mother_first || '|' || n.mother_last
        UNION ALL SELECT 'parent', 'parent|' || n.guardian_first || '|' || n.guardian_last
    ) AS v WHERE v.text IS NOT NULL
$$;

COMMENT ON FUNCTION public.adoption_values(n public.normalised_record) IS 'What a record says that tells the time before an adoption from the time after it.';

CREATE FUNCTION public.announce_disclosure() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8099005343142510625);
    RETURN NULL;
END $$;

COMMENT ON FUNCTION public.announce_disclosure() IS 'Every writer of the ledger holds a lock from before it takes a number until it has committed, see ledger_horizon.';

CREATE FUNCTION public.anybody_is_protected() RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT EXISTS (SELECT FROM source_record_version
                   WHERE source_values ->> 'address_protected' = 'true' OR source_values ->> 'name_protected' = 'true')
$$;

COMMENT ON FUNCTION public.anybody_is_protected() IS 'Whether any record ever protected a person: where none did, nothing else is asked.';

CREATE FUNCTION public.bears_former_name(p_record bigint, p_person text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN 'name_protected' = ANY (protections(p_person)) AND NOT EXISTS (
        SELECT FROM source_record r
        JOIN source_record_version v ON v.record_id = r.record_id AND v.version = r.current_version
        WHERE r.record_id = p_record AND v.source_values ->> 'name_protected' = 'true');
END $$;

COMMENT ON FUNCTION public.bears_former_name(p_record bigint, p_person text) IS 'Whether a record may bear a name that a person had before a protected change: only a record with the flag surely does not.';

CREATE FUNCTION public.bears_sealed(p_record bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
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

COMMENT ON FUNCTION public.bears_sealed(p_record bigint) IS 'Whether a record of the time after an adoption still bears the birth name or the parents: nobody is found by it.';

CREATE FUNCTION public.break_glass(p_client text, p_user text, p_purpose text, p_person text, p_reason text, p_request text, p_question bytea) RETURNS TABLE(agreement text, alerts text[], expires_at timestamp with time zone, review_by timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    v_now         timestamptz := clock_timestamp();
    v_application bigint := (SELECT max(a.application_id) FROM agreement_application a);
    v_person      person;
    v_broken      boolean := false;
BEGIN
    IF p_purpose <> 'BTG' OR coalesce(p_user, '') = '' OR btrim(p_reason) = '' THEN
        RAISE EXCEPTION 'the glass is broken by a human user, for the purpose BTG, with a reason';
    END IF;
    SELECT * INTO v_person FROM person p WHERE p.person_id = p_person;
    WHILE v_person.retired_at IS NOT NULL AND v_person.forwards_to IS NOT NULL LOOP
        SELECT * INTO v_person FROM person p WHERE p.person_id = v_person.forwards_to;
    END LOOP;
    IF sealed_away(p_person) OR sealed_away(v_person.person_id) THEN
        v_person := NULL;
    END IF;
    FOR agreement, alerts, expires_at, review_by IN
        SELECT q.agreement, ARRAY(SELECT json_array_elements_text(q.how -> 'alerts')),
               v_now + make_interval(mins => (q.how ->> 'lasts_minutes')::integer),
               v_now + make_interval(hours => (q.how ->> 'review_within_hours')::integer)
        FROM (
            SELECT DISTINCT ON (p.agreement) p.agreement, v.document -> 'break_glass' AS how
            FROM agreement_permit p
            JOIN agreement_version v ON p.agreement = v.agreement_id || '/' || v.version
            WHERE p.application_id = v_application AND p.client_id = p_client AND p.purpose = p_purpose
              AND p.breaks_glass AND p.from_at <= v_now AND v_now < p.until_at
        ) q WHERE q.how IS NOT NULL ORDER BY q.agreement
    LOOP
        v_broken := true;
        IF v_person.person_id IS NOT NULL THEN
            INSERT INTO broken_glass (agreement, client_id, user_id, person_id, reason, alerts, broken_at, expires_at,
                                      review_by)
            VALUES (agreement, p_client, p_user, v_person.person_id, p_reason, alerts, v_now, expires_at, review_by);
        END IF;
        RETURN NEXT;
    END LOOP;
    INSERT INTO disclosure (at, client_id, user_id, purpose, action, outcome, reason, application_id, question,
                            request_id)
    VALUES (v_now, p_client, p_user, p_purpose, 'pointers', CASE WHEN v_broken THEN 'nothing' ELSE 'refused' END,
            CASE WHEN v_broken THEN 'the glass was broken' ELSE 'no agreement lets the glass be broken' END,
            v_application, p_question, p_request);
END $$;

COMMENT ON FUNCTION public.break_glass(p_client text, p_user text, p_purpose text, p_person text, p_reason text, p_request text, p_question bytea) IS 'Breaks the glass for a user and a person under every agreement that lets it be broken: which, whom to alert, until when, and by when somebody looks at it. No row: none does. Writes the ledger. Nobody, a sealed id and a person are answered alike.';

CREATE TABLE public.disclosure (
    disclosure_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    client_id text NOT NULL COLLATE pg_catalog."C",
    user_id text COLLATE pg_catalog."C",
    purpose text NOT NULL COLLATE pg_catalog."C",
    action text NOT NULL COLLATE pg_catalog."C",
    outcome text NOT NULL COLLATE pg_catalog."C",
    reason text,
    application_id bigint,
    question bytea,
    person_id text COLLATE pg_catalog."C",
    pointers json,
    request_id text COLLATE pg_catalog."C",
    CONSTRAINT disclosure_check CHECK (((outcome = 'released'::text) = (pointers IS NOT NULL))),
    CONSTRAINT disclosure_outcome_check CHECK ((outcome = ANY (ARRAY['released'::text, 'nothing'::text, 'refused'::text])))
);

COMMENT ON TABLE public.disclosure IS 'The ledger: one row for every person told of, one for every answer that told nothing, one for every refusal.';

COMMENT ON COLUMN public.disclosure.disclosure_id IS 'Number of the row; gaps are answers that failed before they were given.';

COMMENT ON COLUMN public.disclosure.at IS 'When it was told.';

COMMENT ON COLUMN public.disclosure.client_id IS 'The client that asked.';

COMMENT ON COLUMN public.disclosure.user_id IS 'The human user, where there was one.';

COMMENT ON COLUMN public.disclosure.purpose IS 'The purpose of use that was stated.';

COMMENT ON COLUMN public.disclosure.action IS 'What was done, as agreements name it.';

COMMENT ON COLUMN public.disclosure.outcome IS 'released, nothing (no such person, or none for this caller: the caller cannot tell) or refused.';

COMMENT ON COLUMN public.disclosure.reason IS 'Why it was refused.';

COMMENT ON COLUMN public.disclosure.application_id IS 'The agreements that held, see agreement_application; empty: none ever did.';

COMMENT ON COLUMN public.disclosure.question IS 'What was asked, sealed with a key that is not in the database.';

COMMENT ON COLUMN public.disclosure.person_id IS 'The person that was told of, under the id of then.';

COMMENT ON COLUMN public.disclosure.pointers IS 'What was told: [{source, id, clauses, attributes}], in order; attributes by name, never by value.';

COMMENT ON COLUMN public.disclosure.request_id IS 'The request, as in the log.';

CREATE FUNCTION public.disclosure_digest(d public.disclosure) RETURNS bytea
    LANGUAGE sql STABLE
    AS $$
    SELECT sha256(convert_to(string_agg(coalesce(length(f.value) || ':' || f.value, '-'), '|' ORDER BY f.place), 'UTF8'))
    FROM unnest(ARRAY[
        ((extract(epoch FROM d.at) * 1000000)::bigint)::text, d.client_id, d.user_id, d.purpose, d.action, d.outcome,
        d.reason, d.application_id::text, encode(d.question, 'hex'), d.person_id, d.pointers::text, d.request_id
    ]) WITH ORDINALITY AS f (value, place)
$$;

COMMENT ON FUNCTION public.disclosure_digest(d public.disclosure) IS 'SHA-256 of a row without its number: each value with its length, in order. Verification computes it anew, outside.';

CREATE FUNCTION public.hides_whereabouts(p_person text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN 'address_protected' = ANY (protections(p_person));
END $$;

COMMENT ON FUNCTION public.hides_whereabouts(p_person text) IS 'Whether a person''s whereabouts are protected: none of them is evidence or a key.';

CREATE FUNCTION public.keep_sides() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

COMMENT ON FUNCTION public.keep_sides() IS 'Whatever publishes memberships: a person never has records of two sides of a seal, no id comes back that a seal retired, and a record that comes to a person of one side stands on it for ever.';

CREATE FUNCTION public.latest_decision(one bigint[], other bigint[]) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT (array_agg(t.task_id ORDER BY t.task_id DESC))[1]
    FROM public.review_task t
    WHERE t.status = 'decided' AND (
        (t.left_records && one AND t.right_records && other
         AND public.shares_most(t.left_records, one) AND public.shares_most(t.right_records, other))
        OR (t.left_records && other AND t.right_records && one
            AND public.shares_most(t.left_records, other) AND public.shares_most(t.right_records, one)))
$$;

COMMENT ON FUNCTION public.latest_decision(one bigint[], other bigint[]) IS 'The latest task in which the question of two sides was decided.';

CREATE FUNCTION public.ledger_horizon() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET lock_timeout TO '200ms'
    AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the ledger is sealed in a transaction of its own, read committed';
    END IF;
    -- Every writer holds this lock, shared: who has it alone knows that all numbers given out so far are committed
    -- or lost for ever.
    PERFORM pg_advisory_xact_lock(8099005343142510625);
    RETURN (SELECT coalesce(max(disclosure_id), 0) FROM disclosure);
END $$;

COMMENT ON FUNCTION public.ledger_horizon() IS 'The number up to which the ledger is complete. Call it in a transaction of its own: writers wait while it lasts.';

CREATE FUNCTION public.may_learn(p_record bigint, p_source text, p_client text, p_user text, p_purpose text, p_action text, p_application bigint, p_now timestamp with time zone) RETURNS text[]
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN CASE WHEN NOT sealed_away_record(p_record) THEN
        may_learn_but_for_seals(p_record, p_source, p_client, p_user, p_purpose, p_action, p_application, p_now) END;
END $$;

COMMENT ON FUNCTION public.may_learn(p_record bigint, p_source text, p_client text, p_user text, p_purpose text, p_action text, p_application bigint, p_now timestamp with time zone) IS 'The clauses by which a caller may learn of one record, by what is on file for its person now; null: it may not.';

CREATE FUNCTION public.may_learn_but_for_seals(p_record bigint, p_source text, p_client text, p_user text, p_purpose text, p_action text, p_application bigint, p_now timestamp with time zone) RETURNS text[]
    LANGUAGE plpgsql STABLE
    AS $$
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

COMMENT ON FUNCTION public.may_learn_but_for_seals(p_record bigint, p_source text, p_client text, p_user text, p_purpose text, p_action text, p_application bigint, p_now timestamp with time zone) IS 'As may_learn, of records of a sealed time too: for what was told of them before, and has to be taken back.';

CREATE FUNCTION public.may_not_review(p_sources text[], p_ids text[], p_client text, p_user text, p_purpose text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM unnest(p_sources, p_ids) AS a (source, id)
        LEFT JOIN source_record r ON r.source = a.source AND r.source_record_id = a.id
        WHERE may_learn(coalesce(r.record_id, 0), a.source, p_client, p_user, p_purpose, 'review',
                        (SELECT max(a.application_id) FROM agreement_application a), clock_timestamp()) IS NULL);
END $$;

COMMENT ON FUNCTION public.may_not_review(p_sources text[], p_ids text[], p_client text, p_user text, p_purpose text) IS 'Whether a caller may not see one of some records, named by key; a key that nobody has is judged as one of its source.';

CREATE FUNCTION public.may_review(p_records bigint[], p_client text, p_user text, p_purpose text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM source_record r
        WHERE r.record_id = ANY (p_records)
          AND may_learn(r.record_id, r.source, p_client, p_user, p_purpose, 'review',
                        (SELECT max(a.application_id) FROM agreement_application a), clock_timestamp()) IS NULL);
END $$;

COMMENT ON FUNCTION public.may_review(p_records bigint[], p_client text, p_user text, p_purpose text) IS 'Whether a caller may see all of some records beside each other: a question about one that it may not see is not there.';

CREATE FUNCTION public.note_refusal(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    v_number bigint;
BEGIN
    INSERT INTO disclosure (at, client_id, user_id, purpose, action, outcome, reason, application_id, question, request_id)
    VALUES (clock_timestamp(), p_client, p_user, p_purpose, p_action, 'refused', p_reason,
            (SELECT max(application_id) FROM agreement_application), p_question, p_request)
    RETURNING disclosure_id INTO v_number;
    RETURN v_number;
END $$;

COMMENT ON FUNCTION public.note_refusal(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_reason text) IS 'Writes into the ledger that a question was refused before anything was read.';

CREATE TABLE public.person (
    person_id text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL,
    retired_at timestamp with time zone,
    forwards_to text COLLATE pg_catalog."C",
    CONSTRAINT person_check CHECK (((forwards_to IS NULL) OR (retired_at IS NOT NULL))),
    CONSTRAINT person_check1 CHECK ((forwards_to <> person_id))
);

COMMENT ON TABLE public.person IS 'Every person id ever given out; rows are never deleted, so that no id is used twice.';

COMMENT ON COLUMN public.person.person_id IS 'Random, with a check character; carries no meaning.';

COMMENT ON COLUMN public.person.created_at IS 'When the person was published first.';

COMMENT ON COLUMN public.person.retired_at IS 'When the id lost its last record.';

COMMENT ON COLUMN public.person.forwards_to IS 'The person that answers for a retired id; empty when all its records were withdrawn.';

CREATE FUNCTION public.person_then(p_person text, p_then timestamp with time zone) RETURNS public.person
    LANGUAGE plpgsql STABLE
    AS $$
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

COMMENT ON FUNCTION public.person_then(p_person text, p_then timestamp with time zone) IS 'A person as it was retired and forwarded at a moment; infinity is now.';

CREATE FUNCTION public.protections(p_person text) RETURNS text[]
    LANGUAGE sql STABLE
    AS $$
    SELECT array_remove(ARRAY[
        CASE WHEN bool_or(v.source_values ->> 'address_protected' = 'true') THEN 'address_protected' END,
        CASE WHEN bool_or(v.source_values ->> 'name_protected' = 'true') THEN 'name_protected' END], NULL)
    FROM membership m
    JOIN source_record r ON r.record_id = m.record_id
    JOIN source_record_version v ON v.record_id = r.record_id AND v.version = r.current_version
    WHERE m.person_id = p_person AND m.to_at IS NULL
      AND (v.source_values ->> 'address_protected' = 'true' OR v.source_values ->> 'name_protected' = 'true')
$$;

COMMENT ON FUNCTION public.protections(p_person text) IS 'The flags that any record of a person carries now: they hold for what is told of all its records, past values too.';

CREATE FUNCTION public.records_sharing(asked bigint[]) RETURNS TABLE(record_id bigint, keys bigint[])
    LANGUAGE plpgsql STABLE ROWS 30
    SET enable_seqscan TO 'off'
    SET enable_indexscan TO 'off'
    AS $$
BEGIN
    RETURN QUERY SELECT k.record_id, k.keys FROM record_key k WHERE k.keys && asked;
END
$$;

COMMENT ON FUNCTION public.records_sharing(asked bigint[]) IS 'Linked records that share one of the keys, with the keys they have.';

CREATE FUNCTION public.redacted(p_record bigint, p_values jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
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

COMMENT ON FUNCTION public.redacted(p_record bigint, p_values jsonb) IS 'Values of a record without what would tell of the time before an adoption: other names, parents, the birth name, and numbers, addresses and cases that the time before has too.';

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

COMMENT ON FUNCTION public.refuse_change() IS 'Keeps append-only tables from being changed, emptied or thinned.';

CREATE FUNCTION public.released(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_persons text[], p_source text, p_source_record_id text, p_attributes text[], p_as_of timestamp with time zone, p_ever boolean) RETURNS TABLE(asked_person_id text, person_id text, retired_at timestamp with time zone, source text, source_record_id text, from_at timestamp with time zone, to_at timestamp with time zone, probability double precision, reason text, attributes jsonb, disclosure_id bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $_$
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
END $_$;

COMMENT ON FUNCTION public.released(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_persons text[], p_source text, p_source_record_id text, p_attributes text[], p_as_of timestamp with time zone, p_ever boolean) IS 'What a caller may learn of persons, or of the person of a record if it may know that record itself; now, as believed at a past moment, or ever (both are the action history). Reads and writes the ledger in one call.';

CREATE FUNCTION public.released_events(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_person text, p_after bigint, p_limit integer) RETURNS TABLE(seq bigint, kind text, person_id text, other_person_ids text[], records jsonb, at timestamp with time zone)
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

COMMENT ON FUNCTION public.released_events(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_person text, p_after bigint, p_limit integer) IS 'What a caller may learn of events after a number, of all persons or of one; a last row says how far the page goes. Reads and writes the ledger in one call.';

CREATE FUNCTION public.released_records(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_sources text[], p_ids text[]) RETURNS TABLE(source text, source_record_id text, person_id text, disclosure_id bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

COMMENT ON FUNCTION public.released_records(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_sources text[], p_ids text[]) IS 'Of some records those that a caller may learn of, with their persons. Reads and writes the ledger in one call.';

CREATE FUNCTION public.seal_ledger(p_up_to bigint) RETURNS TABLE(block_no bigint, digest bytea, rows integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    v_last   ledger_block;
    v_ids    bigint[];
    v_rows   bytea;
    v_at     timestamptz;
    v_number bigint;
    v_digest bytea;
BEGIN
    PERFORM pg_advisory_xact_lock(8099005343142510626);  -- one seals at a time
    LOOP
        SELECT * INTO v_last FROM ledger_block b ORDER BY b.block_no DESC LIMIT 1;
        SELECT array_agg(d.disclosure_id ORDER BY d.disclosure_id),
               string_agg(disclosure_digest(d.*::disclosure), ''::bytea ORDER BY d.disclosure_id)
        INTO v_ids, v_rows
        FROM (SELECT * FROM disclosure
              WHERE disclosure_id > coalesce(v_last.disclosures[cardinality(v_last.disclosures)], 0)
                AND disclosure_id <= p_up_to
              ORDER BY disclosure_id LIMIT 10000) d;
        EXIT WHEN v_ids IS NULL;
        v_at := clock_timestamp();
        v_number := coalesce(v_last.block_no, 0) + 1;
        v_digest := sha256(
            convert_to(v_number || '|' || (extract(epoch FROM v_at) * 1000000)::bigint || '|'
                       || array_to_string(v_ids, ',') || '|', 'UTF8')
            || v_rows || coalesce(v_last.digest, ''));
        INSERT INTO ledger_block VALUES (v_number, v_ids, v_rows, v_last.digest, v_digest, v_at);
        block_no := v_number;
        digest := v_digest;
        rows := cardinality(v_ids);
        RETURN NEXT;
    END LOOP;
END $$;

COMMENT ON FUNCTION public.seal_ledger(p_up_to bigint) IS 'Seals all rows up to a number that ledger_horizon gave; returns the new blocks, whose digests are kept outside too.';

CREATE FUNCTION public.seal_state(d public.disclosure) RETURNS text
    LANGUAGE sql STABLE
    AS $$
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

COMMENT ON FUNCTION public.seal_state(d public.disclosure) IS 'Whether a row is what the seal of its block says: stands, differs, or not yet sealed. Blocks: person-index ledger verify.';

CREATE FUNCTION public.sealed_away(p_person text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
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

COMMENT ON FUNCTION public.sealed_away(p_person text) IS 'Whether an id leads to nothing, for anybody: it retired by a seal, or is now the person of a sealed time.';

CREATE FUNCTION public.sealed_away_record(p_record bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
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

COMMENT ON FUNCTION public.sealed_away_record(p_record bigint) IS 'Whether a record is as if it were not there: it is of a sealed time, or of a person with such a record.';

CREATE FUNCTION public.shares_most(one bigint[], other bigint[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT 2 * count(*) > least(cardinality(one), cardinality(other))
    FROM unnest(one) AS record_id WHERE record_id = ANY (other)
$$;

COMMENT ON FUNCTION public.shares_most(one bigint[], other bigint[]) IS 'Whether more than half of the smaller of two sides is in the other.';

CREATE FUNCTION public.shown_to_stewards(p_record bigint, p_values jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT redacted(p_record, p_values)
        - CASE WHEN 'address_protected' = ANY (p.flags)
               THEN ARRAY['address_line', 'city', 'zip', 'phone', 'email'] ELSE '{}' END
        - CASE WHEN 'name_protected' = ANY (p.flags) AND p_values ->> 'name_protected' IS DISTINCT FROM 'true'
               THEN ARRAY['first_name', 'middle_name', 'last_name', 'suffix', 'alias_names'] ELSE '{}' END
    FROM (SELECT coalesce((SELECT protections(m.person_id) FROM membership m
                           WHERE m.record_id = p_record AND m.to_at IS NULL), '{}') AS flags) AS p
$$;

COMMENT ON FUNCTION public.shown_to_stewards(p_record bigint, p_values jsonb) IS 'Values of a record as stewards see them: without what an adoption seal hides and, of protected persons, without whereabouts and without names but those of the record that is flagged.';

CREATE FUNCTION public.take_sides() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

COMMENT ON FUNCTION public.take_sides() IS 'A record that comes with a full name and birth date of one side of a seal is kept from the other; with those of both, from both.';

CREATE FUNCTION public.told_accounting(p_client text, p_user text, p_purpose text, p_request text, p_question bytea, p_person text, p_years integer) RETURNS TABLE(person_id text, from_at timestamp with time zone, until_at timestamp with time zone, told jsonb, agreements jsonb)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION public.told_accounting(p_client text, p_user text, p_purpose text, p_request text, p_question bytea, p_person text, p_years integer) IS 'To whom those records of a person were disclosed that the caller may learn of for the action ledger, in so many years before now, with the agreements of then. Reads and writes the ledger in one call; no row: nobody, or nobody for it.';

CREATE FUNCTION public.told_counts(p_client text, p_user text, p_purpose text, p_request text, p_question bytea) RETURNS TABLE(of_what text, cell text, persons bigint, smallest integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION public.told_counts(p_client text, p_user text, p_purpose text, p_request text, p_question bytea) IS 'How many persons there are, in all and by source, age and sex, among the records of the sources of which the caller may learn counts; empty where a count is withheld. No row: it may learn none. Counts, withholds and writes the ledger in one call. Persons of segregated sources alone are not counted.';

CREATE FUNCTION public.told_of_events(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_person text, p_after bigint, p_after_segregated bigint, p_limit integer) RETURNS TABLE(seq bigint, segregated_seq bigint, kind text, person_id text, other_person_ids text[], records jsonb, at timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

COMMENT ON FUNCTION public.told_of_events(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_person text, p_after bigint, p_after_segregated bigint, p_limit integer) IS 'As released_events, with a second number for the events of segregated records, of which the page tells after the others; to a caller without a right to any it stays what it was.';

CREATE FUNCTION public.told_of_persons(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_persons text[], p_source text, p_source_record_id text, p_attributes text[], p_as_of timestamp with time zone, p_ever boolean) RETURNS TABLE(asked_person_id text, person_id text, retired_at timestamp with time zone, source text, source_record_id text, from_at timestamp with time zone, to_at timestamp with time zone, probability double precision, reason text, attributes jsonb, disclosure_id bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $_$
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
END $_$;

COMMENT ON FUNCTION public.told_of_persons(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_persons text[], p_source text, p_source_record_id text, p_attributes text[], p_as_of timestamp with time zone, p_ever boolean) IS 'As released; to a caller with a right to segregated records, these beside the others. Each partition told of has its own row in the ledger, under the number of the request.';

CREATE FUNCTION public.told_of_records(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_sources text[], p_ids text[]) RETURNS TABLE(source text, source_record_id text, person_id text, disclosure_id bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

COMMENT ON FUNCTION public.told_of_records(p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_sources text[], p_ids text[]) IS 'As released_records; to a caller with a right to segregated records, these beside the others.';

CREATE FUNCTION public.told_since(p_record bigint, p_from timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN EXISTS (
        SELECT FROM adoption_seal_record r JOIN adoption_seal_in_force USING (seal_id)
        JOIN adoption_seal_second s USING (seal_id)
        WHERE r.record_id = p_record AND r.side = 'after' AND r.origin = 'named' AND p_from >= s.decided_at
          AND NOT EXISTS (SELECT FROM membership e WHERE e.record_id = p_record AND e.from_at >= s.decided_at
                          AND e.from_at < p_from))
    THEN (SELECT min(v.recorded_at) FROM source_record_version v WHERE v.record_id = p_record) ELSE p_from END
$$;

COMMENT ON FUNCTION public.told_since(p_record bigint, p_from timestamp with time zone) IS 'Since when a record is told to belong to its person: not since the moment of a seal, at which another id retired, but since it came.';

CREATE FUNCTION public.told_values(p_record bigint, p_version integer, p_as_of timestamp with time zone, p_granted text[], p_wanted text[]) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT redacted(p_record, told_values_but_for_seals(p_record, p_version, p_as_of, p_granted, p_wanted))
$$;

COMMENT ON FUNCTION public.told_values(p_record bigint, p_version integer, p_as_of timestamp with time zone, p_granted text[], p_wanted text[]) IS 'Values of a record, in the version that holds or, for a past moment, in the last that had come by then. Of protected persons no whereabouts, and no name but that of the record that is flagged; of adopted ones nothing sealed.';

CREATE FUNCTION public.told_values_but_for_seals(p_record bigint, p_version integer, p_as_of timestamp with time zone, p_granted text[], p_wanted text[]) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_object_agg(e.key, e.value)
    FROM (SELECT v.source_values FROM source_record_version v
          WHERE v.record_id = p_record AND (v.version = p_version OR p_as_of IS NOT NULL)
            AND (p_as_of IS NULL OR v.recorded_at <= p_as_of)
          ORDER BY v.version DESC LIMIT 1) v
    CROSS JOIN (
        SELECT protections((SELECT m.person_id FROM membership m WHERE m.record_id = p_record AND m.to_at IS NULL))
    ) AS p (flags)
    CROSS JOIN LATERAL jsonb_each(v.source_values) AS e
    WHERE e.key = ANY (p_granted) AND e.key = ANY (p_wanted)
      AND e.key NOT IN ('ssn', 'minor_consent', 'address_protected', 'name_protected')  -- whatever a clause says
      AND NOT (e.key IN ('address_line', 'city', 'zip', 'phone', 'email') AND 'address_protected' = ANY (p.flags))
      AND NOT (e.key IN ('first_name', 'middle_name', 'last_name', 'suffix', 'alias_names')
               AND 'name_protected' = ANY (p.flags)
               AND v.source_values ->> 'name_protected' IS DISTINCT FROM 'true')
$$;

COMMENT ON FUNCTION public.told_values_but_for_seals(p_record bigint, p_version integer, p_as_of timestamp with time zone, p_granted text[], p_wanted text[]) IS 'Values of a record, in the version that holds or, for a past moment, in the last that had come by then. Of protected persons no whereabouts, and no name but that of the record that is flagged.';

CREATE FUNCTION public.withheld(p_cells bigint[], p_smallest bigint) RETURNS bigint[]
    LANGUAGE plpgsql IMMUTABLE
    AS $$
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

COMMENT ON FUNCTION public.withheld(p_cells bigint[], p_smallest bigint) IS 'A row of counts as it may be told: neighbours that are too small are withheld together with one that is not, chosen by place and not by size, so that no small count follows from the others, the total and this rule.';

CREATE FUNCTION segregated.may_learn(p_record bigint, p_person text, p_source text, p_client text, p_user text, p_purpose text, p_action text) RETURNS text[]
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN NOT public.sealed_away(p_person) THEN
        segregated.may_learn_but_for_seals(p_record, p_person, p_source, p_client, p_user, p_purpose, p_action) END
$$;

CREATE FUNCTION segregated.may_learn_but_for_seals(p_record bigint, p_person text, p_source text, p_client text, p_user text, p_purpose text, p_action text) RETURNS text[]
    LANGUAGE plpgsql STABLE
    AS $$
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

COMMENT ON FUNCTION segregated.may_learn_but_for_seals(p_record bigint, p_person text, p_source text, p_client text, p_user text, p_purpose text, p_action text) IS 'The clauses by which a caller may learn of one segregated record, by what is on file now for the record and for the person given; null: it may not.';

CREATE FUNCTION segregated.permitted(p_person text, p_client text, p_user text, p_purpose text, p_action text, p_attributes text[], p_as_of timestamp with time zone, p_ever boolean) RETURNS TABLE(record_id bigint, source text, source_record_id text, from_at timestamp with time zone, to_at timestamp with time zone, probability double precision, reason text, clauses text[], told jsonb)
    LANGUAGE sql STABLE
    AS $$
    SELECT * FROM segregated.permitted_but_for_seals(
        p_person, p_client, p_user, p_purpose, p_action, p_attributes, p_as_of, p_ever) q
    WHERE NOT public.sealed_away(p_person)
$$;

CREATE FUNCTION segregated.permitted_but_for_seals(p_person text, p_client text, p_user text, p_purpose text, p_action text, p_attributes text[], p_as_of timestamp with time zone, p_ever boolean) RETURNS TABLE(record_id bigint, source text, source_record_id text, from_at timestamp with time zone, to_at timestamp with time zone, probability double precision, reason text, clauses text[], told jsonb)
    LANGUAGE sql STABLE
    AS $$
    SELECT m.record_id, r.source, r.source_record_id, m.from_at, m.to_at, m.probability, m.reason, l.clauses,
           CASE WHEN p_attributes <> '{}' THEN (
               SELECT jsonb_object_agg(e.key, e.value)
               FROM (SELECT v.source_values,
                            protections(p_person) || CASE v.source_values ->> 'address_protected' WHEN 'true'
                                THEN ARRAY['address_protected'] ELSE '{}' END AS flags
                     FROM segregated.source_record_version v
                     WHERE v.record_id = m.record_id AND (v.version = r.current_version OR p_as_of IS NOT NULL)
                       AND (p_as_of IS NULL OR v.recorded_at <= p_as_of)
                     ORDER BY v.version DESC LIMIT 1) v
               CROSS JOIN LATERAL jsonb_each(v.source_values) AS e
               WHERE e.key = ANY (p_attributes)
                 AND e.key NOT IN ('ssn', 'minor_consent', 'address_protected', 'name_protected')
                 AND NOT (e.key IN ('address_line', 'city', 'zip', 'phone', 'email')
                          AND 'address_protected' = ANY (v.flags))
                 AND NOT (e.key IN ('first_name', 'middle_name', 'last_name', 'suffix', 'alias_names')
                          AND 'name_protected' = ANY (v.flags)
                          AND v.source_values ->> 'name_protected' IS DISTINCT FROM 'true')
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

COMMENT ON FUNCTION segregated.permitted_but_for_seals(p_person text, p_client text, p_user text, p_purpose text, p_action text, p_attributes text[], p_as_of timestamp with time zone, p_ever boolean) IS 'The segregated records of a person that a caller may learn of.';

CREATE FUNCTION segregated.sees_any(p_client text, p_purpose text, p_action text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    v_application bigint := (SELECT max(a.application_id) FROM agreement_application a);
    v_now         timestamptz := clock_timestamp();
BEGIN
    RETURN EXISTS (
        SELECT FROM agreement_permit p
        WHERE p.application_id = v_application AND p.client_id = p_client AND p.purpose = p_purpose
          AND p.action = p_action AND p.from_at <= v_now AND v_now < p.until_at
          AND EXISTS (SELECT FROM segregated.known_source k WHERE k.source = p.source));
END $$;

COMMENT ON FUNCTION segregated.sees_any(p_client text, p_purpose text, p_action text) IS 'Whether an agreement grants a caller a segregated source at all. For who has none, nothing further here is read.';

CREATE TABLE public.account (
    account_id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    display_name text NOT NULL,
    roles text[] NOT NULL COLLATE pg_catalog."C",
    password_hash text COLLATE pg_catalog."C",
    password_set_at timestamp with time zone,
    issuer text COLLATE pg_catalog."C",
    subject text COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    disabled_at timestamp with time zone,
    CONSTRAINT account_check CHECK (((password_hash IS NULL) = (password_set_at IS NULL))),
    CONSTRAINT account_check1 CHECK (((issuer IS NULL) = (subject IS NULL))),
    CONSTRAINT account_check2 CHECK (((issuer IS NULL) OR (password_hash IS NULL))),
    CONSTRAINT account_roles_check CHECK ((cardinality(roles) > 0)),
    CONSTRAINT account_roles_check1 CHECK ((roles <@ (ARRAY['steward'::text, 'senior_steward'::text, 'supervisor'::text, 'auditor'::text] COLLATE "C"))),
    CONSTRAINT account_roles_check2 CHECK (((cardinality(roles) = 1) OR (NOT ('auditor'::text = ANY (roles)))))
);

COMMENT ON TABLE public.account IS 'A person who may sign in to the workbench; disabled, never deleted, since decisions name it.';

COMMENT ON COLUMN public.account.account_id IS 'Number of the account.';

COMMENT ON COLUMN public.account.name IS 'The name to sign in with, in lower case; that of a provider''s person holds an @.';

COMMENT ON COLUMN public.account.display_name IS 'What the person is called on the pages.';

COMMENT ON COLUMN public.account.roles IS 'What the person may do: steward, senior_steward, supervisor; or auditor alone.';

COMMENT ON COLUMN public.account.password_hash IS 'Argon2id hash of the password with its parameters; empty: no password fits.';

COMMENT ON COLUMN public.account.password_set_at IS 'When the password was set.';

COMMENT ON COLUMN public.account.issuer IS 'The identity provider that vouches for the person; empty for a local account.';

COMMENT ON COLUMN public.account.subject IS 'The provider''s unchanging id of the person.';

COMMENT ON COLUMN public.account.created_at IS 'When the account was made.';

COMMENT ON COLUMN public.account.disabled_at IS 'Since when nobody can sign in to it.';

ALTER TABLE public.account ALTER COLUMN account_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_account_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.account_event (
    event_id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    kind text NOT NULL,
    account_id bigint,
    session_id bigint,
    detail jsonb NOT NULL,
    CONSTRAINT account_event_kind_check CHECK ((kind = ANY (ARRAY['account_added'::text, 'signed_in'::text, 'sign_in_failed'::text, 'locked_out'::text, 'sign_in_refused'::text, 'signed_out'::text, 'signed_out_everywhere'::text, 'session_ended'::text, 'session_timed_out'::text, 'password_set'::text, 'password_change_failed'::text, 'roles_set'::text, 'disabled'::text, 'enabled'::text])))
);

COMMENT ON TABLE public.account_event IS 'What happened to accounts and at sign-in; never changed.';

COMMENT ON COLUMN public.account_event.event_id IS 'Number of the event, in their order.';

COMMENT ON COLUMN public.account_event.at IS 'When it happened.';

COMMENT ON COLUMN public.account_event.kind IS 'What happened.';

COMMENT ON COLUMN public.account_event.account_id IS 'Whose account; empty where the name that was typed has none.';

COMMENT ON COLUMN public.account_event.session_id IS 'The session, which may be removed by now.';

COMMENT ON COLUMN public.account_event.detail IS 'What else there is to say: roles, seconds, a reason; never what was typed.';

ALTER TABLE public.account_event ALTER COLUMN event_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_event_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.account_session (
    session_id bigint NOT NULL,
    token_hash bytea NOT NULL,
    account_id bigint NOT NULL,
    agent text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    ended_why text,
    CONSTRAINT account_session_check CHECK (((ended_at IS NULL) = (ended_why IS NULL))),
    CONSTRAINT account_session_ended_why_check CHECK ((ended_why = ANY (ARRAY['signed_out'::text, 'signed_out_elsewhere'::text, 'signed_in_again'::text, 'idle'::text, 'too_long'::text, 'password_changed'::text, 'disabled'::text, 'roles_withdrawn'::text]))),
    CONSTRAINT account_session_token_hash_check CHECK ((octet_length(token_hash) = 32))
);

COMMENT ON TABLE public.account_session IS 'From a sign-in to its end; removed ninety days after it could last no longer.';

COMMENT ON COLUMN public.account_session.session_id IS 'Number of the session.';

COMMENT ON COLUMN public.account_session.token_hash IS 'SHA-256 of the token that the browser holds; the token itself is not kept.';

COMMENT ON COLUMN public.account_session.account_id IS 'Whose session it is.';

COMMENT ON COLUMN public.account_session.agent IS 'Browser and system in a few words, so that the person knows the session again.';

COMMENT ON COLUMN public.account_session.started_at IS 'When the person signed in.';

COMMENT ON COLUMN public.account_session.last_seen_at IS 'When it was last used, to within half a minute.';

COMMENT ON COLUMN public.account_session.expires_at IS 'When it ends however much it is used.';

COMMENT ON COLUMN public.account_session.ended_at IS 'When it was ended, or found to be over.';

COMMENT ON COLUMN public.account_session.ended_why IS 'Why it ended.';

ALTER TABLE public.account_session ALTER COLUMN session_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_session_session_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.adoption_seal (
    seal_id bigint NOT NULL,
    reason text NOT NULL,
    keeps_name boolean NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.adoption_seal IS 'That a supervisor wants the time before an adoption sealed; it takes effect when a second person agrees; never changed.';

COMMENT ON COLUMN public.adoption_seal.seal_id IS 'Number of the seal.';

COMMENT ON COLUMN public.adoption_seal.reason IS 'Why, in the supervisor''s words: the order of adoption, no names.';

COMMENT ON COLUMN public.adoption_seal.keeps_name IS 'The child keeps its name: it tells nothing of the time before, and is told.';

COMMENT ON COLUMN public.adoption_seal.proposed_by IS 'The supervisor.';

COMMENT ON COLUMN public.adoption_seal.proposed_at IS 'When it was asked for.';

CREATE TABLE public.adoption_seal_id (
    seal_id bigint NOT NULL,
    person_id text NOT NULL COLLATE pg_catalog."C"
);

COMMENT ON TABLE public.adoption_seal_id IS 'Ids that lead to nothing since a seal: they stood for records of the time before.';

COMMENT ON COLUMN public.adoption_seal_id.seal_id IS 'The seal.';

COMMENT ON COLUMN public.adoption_seal_id.person_id IS 'The id.';

CREATE TABLE public.adoption_seal_second (
    seal_id bigint NOT NULL,
    agrees boolean NOT NULL,
    reason text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.adoption_seal_second IS 'What the second person said of a seal; never changed.';

COMMENT ON COLUMN public.adoption_seal_second.seal_id IS 'The seal.';

COMMENT ON COLUMN public.adoption_seal_second.agrees IS 'Whether it takes effect.';

COMMENT ON COLUMN public.adoption_seal_second.reason IS 'Why, in the second person''s words.';

COMMENT ON COLUMN public.adoption_seal_second.decided_by IS 'The second person.';

COMMENT ON COLUMN public.adoption_seal_second.decided_at IS 'When it was said.';

CREATE TABLE public.adoption_unsealing (
    unsealing_id bigint NOT NULL,
    seal_id bigint NOT NULL,
    consent_id bigint NOT NULL,
    reason text NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.adoption_unsealing IS 'That a supervisor wants a seal opened by a court order on file; takes effect when a second person agrees; never changed.';

COMMENT ON COLUMN public.adoption_unsealing.unsealing_id IS 'Number of the unsealing.';

COMMENT ON COLUMN public.adoption_unsealing.seal_id IS 'The seal.';

COMMENT ON COLUMN public.adoption_unsealing.consent_id IS 'The court order.';

COMMENT ON COLUMN public.adoption_unsealing.reason IS 'Why, in the supervisor''s words.';

COMMENT ON COLUMN public.adoption_unsealing.proposed_by IS 'The supervisor.';

COMMENT ON COLUMN public.adoption_unsealing.proposed_at IS 'When it was asked for.';

CREATE TABLE public.adoption_unsealing_second (
    unsealing_id bigint NOT NULL,
    agrees boolean NOT NULL,
    reason text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.adoption_unsealing_second IS 'What the second person said of an unsealing; never changed.';

COMMENT ON COLUMN public.adoption_unsealing_second.unsealing_id IS 'The unsealing.';

COMMENT ON COLUMN public.adoption_unsealing_second.agrees IS 'Whether the seal is opened.';

COMMENT ON COLUMN public.adoption_unsealing_second.reason IS 'Why, in the second person''s words.';

COMMENT ON COLUMN public.adoption_unsealing_second.decided_by IS 'The second person.';

COMMENT ON COLUMN public.adoption_unsealing_second.decided_at IS 'When it was said.';

CREATE VIEW public.adoption_seal_in_force AS
 SELECT s.seal_id,
    s.keeps_name
   FROM (public.adoption_seal s
     JOIN public.adoption_seal_second a ON (((a.seal_id = s.seal_id) AND a.agrees)))
  WHERE (NOT (EXISTS ( SELECT
           FROM (public.adoption_unsealing u
             JOIN public.adoption_unsealing_second b USING (unsealing_id))
          WHERE ((u.seal_id = s.seal_id) AND b.agrees))));

COMMENT ON VIEW public.adoption_seal_in_force IS 'The seals that two persons made and that were not opened.';

CREATE TABLE public.adoption_seal_record (
    seal_id bigint NOT NULL,
    record_id bigint NOT NULL,
    side text NOT NULL,
    origin text NOT NULL,
    since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT adoption_seal_record_origin_check CHECK ((origin = ANY (ARRAY['named'::text, 'joined'::text, 'value'::text]))),
    CONSTRAINT adoption_seal_record_side_check CHECK ((side = ANY (ARRAY['before'::text, 'after'::text, 'apart'::text])))
);

COMMENT ON TABLE public.adoption_seal_record IS 'On which side of a seal a record stands, for ever; records of different sides are never one person. Later ones are added.';

COMMENT ON COLUMN public.adoption_seal_record.seal_id IS 'The seal.';

COMMENT ON COLUMN public.adoption_seal_record.record_id IS 'The record.';

COMMENT ON COLUMN public.adoption_seal_record.side IS 'before or after the adoption; apart: it bears names of both times, is of neither side, and is told to nobody.';

COMMENT ON COLUMN public.adoption_seal_record.origin IS 'named: by who sealed; joined: it came to a person of that side later; value: it bears a name and birth date of that side, so that it may be of another child: it is kept from the other side, and hides nothing.';

COMMENT ON COLUMN public.adoption_seal_record.since IS 'Since when.';

ALTER TABLE public.adoption_seal ALTER COLUMN seal_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.adoption_seal_seal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.adoption_seal_value (
    seal_id bigint NOT NULL,
    side text NOT NULL,
    kind text NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT adoption_seal_value_kind_check CHECK ((kind = ANY (ARRAY['name'::text, 'parent'::text]))),
    CONSTRAINT adoption_seal_value_side_check CHECK ((side = ANY (ARRAY['before'::text, 'after'::text])))
);

COMMENT ON TABLE public.adoption_seal_value IS 'Digests of what tells the two times of a child apart: full names with the birth date, and parents'' names.';

COMMENT ON COLUMN public.adoption_seal_value.seal_id IS 'The seal.';

COMMENT ON COLUMN public.adoption_seal_value.side IS 'Of which time.';

COMMENT ON COLUMN public.adoption_seal_value.kind IS 'name: a given name, a surname and the birth date; parent: a parent''s or guardian''s name.';

COMMENT ON COLUMN public.adoption_seal_value.digest IS 'SHA-256 of it; the value itself is not repeated here.';

ALTER TABLE public.adoption_unsealing ALTER COLUMN unsealing_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.adoption_unsealing_unsealing_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.agreement_application (
    application_id bigint NOT NULL,
    agreements text[] NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL,
    applied_by text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.agreement_application IS 'Which agreements hold, each time that was settled anew; the last one counts.';

COMMENT ON COLUMN public.agreement_application.application_id IS 'Counts up; whoever keeps a decision keeps this number beside it.';

COMMENT ON COLUMN public.agreement_application.agreements IS 'The agreements that hold from here on, as id/version, sorted; one left out holds no more.';

COMMENT ON COLUMN public.agreement_application.reason IS 'Why, in the words of who applied them.';

COMMENT ON COLUMN public.agreement_application.applied_by IS 'Who applied them.';

COMMENT ON COLUMN public.agreement_application.applied_at IS 'From when on they hold.';

ALTER TABLE public.agreement_application ALTER COLUMN application_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.agreement_application_application_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.agreement_permit (
    application_id bigint NOT NULL,
    client_id text NOT NULL COLLATE pg_catalog."C",
    purpose text NOT NULL COLLATE pg_catalog."C",
    action text NOT NULL COLLATE pg_catalog."C",
    from_at timestamp with time zone NOT NULL,
    until_at timestamp with time zone NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    agreement text NOT NULL COLLATE pg_catalog."C",
    clause text NOT NULL COLLATE pg_catalog."C",
    attributes text[] NOT NULL COLLATE pg_catalog."C",
    on_file text[] NOT NULL COLLATE pg_catalog."C",
    relationships text[] NOT NULL COLLATE pg_catalog."C",
    legal_responsibility boolean NOT NULL,
    breaks_glass boolean NOT NULL,
    smallest_cell integer
);

COMMENT ON TABLE public.agreement_permit IS 'What the agreements applied allow, decided beforehand for every client, purpose and action, denials taken off. What is not here is denied.';

COMMENT ON COLUMN public.agreement_permit.application_id IS 'The application that it follows from; those of earlier ones stay to be looked up.';

COMMENT ON COLUMN public.agreement_permit.client_id IS 'The client that may.';

COMMENT ON COLUMN public.agreement_permit.purpose IS 'The purpose for which it may.';

COMMENT ON COLUMN public.agreement_permit.action IS 'What it may do.';

COMMENT ON COLUMN public.agreement_permit.from_at IS 'From when on: no clause that speaks of client, purpose and action begins or ends before `until_at`.';

COMMENT ON COLUMN public.agreement_permit.until_at IS 'Until when (that moment excluded).';

COMMENT ON COLUMN public.agreement_permit.source IS 'Source whose records it concerns.';

COMMENT ON COLUMN public.agreement_permit.agreement IS 'The agreement that allows it, as id/version.';

COMMENT ON COLUMN public.agreement_permit.clause IS 'The clause in it.';

COMMENT ON COLUMN public.agreement_permit.attributes IS 'Values that may be told beside the pointer.';

COMMENT ON COLUMN public.agreement_permit.on_file IS 'consent, court_order: any one of these must be on file; empty: none is needed.';

COMMENT ON COLUMN public.agreement_permit.relationships IS 'The caller must stand in any one of these to the person; empty: in none.';

COMMENT ON COLUMN public.agreement_permit.legal_responsibility IS 'An agency must be legally responsible for the child.';

COMMENT ON COLUMN public.agreement_permit.breaks_glass IS 'Holds only while the caller has broken the glass for the person.';

COMMENT ON COLUMN public.agreement_permit.smallest_cell IS 'Counts below this are suppressed.';

CREATE TABLE public.agreement_version (
    agreement_id text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL,
    document json NOT NULL,
    sha256 text NOT NULL COLLATE pg_catalog."C",
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT agreement_version_version_check CHECK ((version >= 1))
);

COMMENT ON TABLE public.agreement_version IS 'Every text of a data-sharing agreement that was ever applied; never changed.';

COMMENT ON COLUMN public.agreement_version.agreement_id IS 'The agreement.';

COMMENT ON COLUMN public.agreement_version.version IS 'Version of its text, as the text itself states it.';

COMMENT ON COLUMN public.agreement_version.document IS 'The text as JSON, kept as it was (json, not jsonb).';

COMMENT ON COLUMN public.agreement_version.sha256 IS 'SHA-256 of the document: another text under the same version is refused.';

COMMENT ON COLUMN public.agreement_version.recorded_at IS 'When it was applied first.';

CREATE TABLE public.answered_write (
    idempotency_key text NOT NULL COLLATE pg_catalog."C",
    request_hash bytea NOT NULL,
    status integer NOT NULL,
    answer jsonb NOT NULL,
    answered_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.answered_write IS 'Answers to writes that came with an Idempotency-Key, so that a repetition gets the same; kept for a day.';

COMMENT ON COLUMN public.answered_write.idempotency_key IS 'The key as the client chose it, behind the client''s name.';

COMMENT ON COLUMN public.answered_write.request_hash IS 'SHA-256 of method, path and body: another request under the same key is refused.';

COMMENT ON COLUMN public.answered_write.status IS 'HTTP status of the answer.';

COMMENT ON COLUMN public.answered_write.answer IS 'Body of the answer: ids and weights, no values of the record.';

COMMENT ON COLUMN public.answered_write.answered_at IS 'When it was answered.';

CREATE TABLE public.api_client_version (
    client_id text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL,
    name text NOT NULL,
    organisation text NOT NULL,
    status text NOT NULL,
    issuer text COLLATE pg_catalog."C",
    jwks_url text COLLATE pg_catalog."C",
    keys jsonb NOT NULL,
    scopes text[] NOT NULL COLLATE pg_catalog."C",
    purposes text[] NOT NULL COLLATE pg_catalog."C",
    requests_per_second double precision NOT NULL,
    burst integer NOT NULL,
    not_found_per_minute integer NOT NULL,
    reason text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT api_client_version_burst_check CHECK ((burst >= 1)),
    CONSTRAINT api_client_version_check CHECK (((issuer IS NULL) OR ((jwks_url IS NULL) AND (keys = '[]'::jsonb)))),
    CONSTRAINT api_client_version_client_id_check CHECK ((client_id ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$'::text)),
    CONSTRAINT api_client_version_not_found_per_minute_check CHECK ((not_found_per_minute >= 1)),
    CONSTRAINT api_client_version_requests_per_second_check CHECK ((requests_per_second > (0)::double precision)),
    CONSTRAINT api_client_version_status_check CHECK ((status = ANY (ARRAY['active'::text, 'disabled'::text]))),
    CONSTRAINT api_client_version_version_check CHECK ((version >= 1))
);

COMMENT ON TABLE public.api_client_version IS 'Every state that the registration of an API client ever had; the highest version holds.';

COMMENT ON COLUMN public.api_client_version.client_id IS 'Id of the client, chosen at registration and never given to another.';

COMMENT ON COLUMN public.api_client_version.version IS 'Counts from 1; of two changes made at once the second is refused.';

COMMENT ON COLUMN public.api_client_version.name IS 'What the client is, in words.';

COMMENT ON COLUMN public.api_client_version.organisation IS 'The organisation that answers for the client.';

COMMENT ON COLUMN public.api_client_version.status IS 'active, or disabled: no token is given to it, and none that it has is accepted.';

COMMENT ON COLUMN public.api_client_version.issuer IS 'The outside issuer whose tokens it uses; null: it gets its tokens here.';

COMMENT ON COLUMN public.api_client_version.jwks_url IS 'Where the client publishes its public keys; null: they are in `keys`.';

COMMENT ON COLUMN public.api_client_version.keys IS 'Its public keys as [{"jwk": …, "valid_from": …, "valid_to": … or null}].';

COMMENT ON COLUMN public.api_client_version.scopes IS 'The scopes that it may ask for.';

COMMENT ON COLUMN public.api_client_version.purposes IS 'The purposes of use that it may state, with those that they include.';

COMMENT ON COLUMN public.api_client_version.requests_per_second IS 'Requests a second that it may make in the long run, in each process of the service.';

COMMENT ON COLUMN public.api_client_version.burst IS 'Requests that it may make at once.';

COMMENT ON COLUMN public.api_client_version.not_found_per_minute IS 'Look-ups a minute that may find nothing before it has to wait.';

COMMENT ON COLUMN public.api_client_version.reason IS 'Why this version was made.';

COMMENT ON COLUMN public.api_client_version.changed_by IS 'Who made this version.';

COMMENT ON COLUMN public.api_client_version.changed_at IS 'When this version began to hold.';

CREATE VIEW public.api_client AS
 SELECT DISTINCT ON (api_client_version.client_id) api_client_version.client_id,
    api_client_version.version,
    api_client_version.name,
    api_client_version.organisation,
    api_client_version.status,
    api_client_version.issuer,
    api_client_version.jwks_url,
    api_client_version.keys,
    api_client_version.scopes,
    api_client_version.purposes,
    api_client_version.requests_per_second,
    api_client_version.burst,
    api_client_version.not_found_per_minute,
    api_client_version.reason,
    api_client_version.changed_by,
    api_client_version.changed_at
   FROM public.api_client_version
  ORDER BY api_client_version.client_id, api_client_version.version DESC;

COMMENT ON VIEW public.api_client IS 'The API clients as they are now.';

CREATE TABLE public.broken_glass (
    broken_glass_id bigint NOT NULL,
    agreement text NOT NULL COLLATE pg_catalog."C",
    client_id text NOT NULL COLLATE pg_catalog."C",
    user_id text NOT NULL COLLATE pg_catalog."C",
    person_id text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL,
    alerts text[] NOT NULL,
    broken_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    review_by timestamp with time zone NOT NULL,
    CONSTRAINT broken_glass_check CHECK ((expires_at > broken_at))
);

COMMENT ON TABLE public.broken_glass IS 'That a human user passed over the conditions of an agreement in an emergency; never changed.';

COMMENT ON COLUMN public.broken_glass.broken_glass_id IS 'Number of the event.';

COMMENT ON COLUMN public.broken_glass.agreement IS 'The agreement that allows it, as id/version.';

COMMENT ON COLUMN public.broken_glass.client_id IS 'The client through which the user asked.';

COMMENT ON COLUMN public.broken_glass.user_id IS 'The user.';

COMMENT ON COLUMN public.broken_glass.person_id IS 'The person that it was broken for.';

COMMENT ON COLUMN public.broken_glass.reason IS 'Why, in the user''s words.';

COMMENT ON COLUMN public.broken_glass.alerts IS 'Who was to be told at once.';

COMMENT ON COLUMN public.broken_glass.broken_at IS 'When it was broken.';

COMMENT ON COLUMN public.broken_glass.expires_at IS 'When it ends by itself.';

COMMENT ON COLUMN public.broken_glass.review_by IS 'By when somebody is to look at it.';

ALTER TABLE public.broken_glass ALTER COLUMN broken_glass_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.broken_glass_broken_glass_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.broken_glass_reviewed (
    broken_glass_id bigint NOT NULL,
    was_justified boolean NOT NULL,
    remark text NOT NULL,
    reviewed_by text NOT NULL,
    reviewed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.broken_glass_reviewed IS 'What the review of a broken glass found; those without one wait in the queue.';

COMMENT ON COLUMN public.broken_glass_reviewed.broken_glass_id IS 'The event.';

COMMENT ON COLUMN public.broken_glass_reviewed.was_justified IS 'Whether it was right to break it.';

COMMENT ON COLUMN public.broken_glass_reviewed.remark IS 'What was found.';

COMMENT ON COLUMN public.broken_glass_reviewed.reviewed_by IS 'Who looked at it.';

COMMENT ON COLUMN public.broken_glass_reviewed.reviewed_at IS 'When.';

CREATE TABLE public.client_assertion_used (
    client_id text NOT NULL COLLATE pg_catalog."C",
    jti_sha256 bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.client_assertion_used IS 'Client assertions that were exchanged for a token; shared by all processes, so that none is accepted twice.';

COMMENT ON COLUMN public.client_assertion_used.client_id IS 'The client that signed it.';

COMMENT ON COLUMN public.client_assertion_used.jti_sha256 IS 'SHA-256 of its `jti`.';

COMMENT ON COLUMN public.client_assertion_used.expires_at IS 'From when on it is refused for its age, and need not be remembered.';

CREATE TABLE public.component_before (
    run_id bigint NOT NULL,
    person_id text NOT NULL COLLATE pg_catalog."C",
    component_id bigint NOT NULL
);

COMMENT ON TABLE public.component_before IS 'Rows of person_component that the latest relinks replaced: what undoing one puts back.';

COMMENT ON COLUMN public.component_before.run_id IS 'The relink.';

COMMENT ON COLUMN public.component_before.person_id IS 'The person.';

COMMENT ON COLUMN public.component_before.component_id IS 'Number of its component before the relink.';

CREATE TABLE public.consent (
    consent_id bigint NOT NULL,
    kind text NOT NULL,
    record_id bigint NOT NULL,
    covers text NOT NULL,
    sources text[] NOT NULL COLLATE pg_catalog."C",
    clients text[] NOT NULL COLLATE pg_catalog."C",
    purposes text[] NOT NULL COLLATE pg_catalog."C",
    from_at timestamp with time zone NOT NULL,
    until_at timestamp with time zone,
    document text NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT consent_check CHECK ((until_at > from_at)),
    CONSTRAINT consent_covers_check CHECK ((covers = ANY (ARRAY['person'::text, 'record'::text]))),
    CONSTRAINT consent_kind_check CHECK ((kind = ANY (ARRAY['consent'::text, 'court_order'::text, 'refusal'::text]))),
    CONSTRAINT consent_sources_check CHECK ((cardinality(sources) > 0))
);

COMMENT ON TABLE public.consent IS 'Consents, court orders and refusals on file; never changed. Bound to a record, so that they stay with the child through joins and splits.';

COMMENT ON COLUMN public.consent.consent_id IS 'Number of the consent, order or refusal.';

COMMENT ON COLUMN public.consent.kind IS 'consent, court_order (both allow) or refusal (forbids, whatever an agreement grants).';

COMMENT ON COLUMN public.consent.record_id IS 'The record of the child that it was given for.';

COMMENT ON COLUMN public.consent.covers IS 'person: all records of the person that the record belongs to; record: that record alone.';

COMMENT ON COLUMN public.consent.sources IS 'Sources of which records it covers.';

COMMENT ON COLUMN public.consent.clients IS 'Recipients it names; empty: any.';

COMMENT ON COLUMN public.consent.purposes IS 'Purposes it names, with those that they include; empty: any.';

COMMENT ON COLUMN public.consent.from_at IS 'When it takes effect.';

COMMENT ON COLUMN public.consent.until_at IS 'When it ends by itself (that moment excluded); empty: it does not.';

COMMENT ON COLUMN public.consent.document IS 'Where the signed document or order is to be found.';

COMMENT ON COLUMN public.consent.recorded_by IS 'Who recorded it.';

COMMENT ON COLUMN public.consent.recorded_at IS 'When it was recorded.';

ALTER TABLE public.consent ALTER COLUMN consent_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.consent_consent_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.consent_revoked (
    consent_id bigint NOT NULL,
    reason text NOT NULL,
    revoked_by text NOT NULL,
    revoked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.consent_revoked IS 'That a consent, order or refusal no longer holds; effective at once.';

COMMENT ON COLUMN public.consent_revoked.consent_id IS 'What no longer holds.';

COMMENT ON COLUMN public.consent_revoked.reason IS 'Why it was revoked.';

COMMENT ON COLUMN public.consent_revoked.revoked_by IS 'Who revoked it.';

COMMENT ON COLUMN public.consent_revoked.revoked_at IS 'When it was revoked.';

CREATE TABLE public.court_question (
    court_question_id bigint NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    source_record_id text NOT NULL COLLATE pg_catalog."C",
    matter text NOT NULL,
    due_on date NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    answered_at timestamp with time zone
);

COMMENT ON TABLE public.court_question IS 'A court or the medication process waits to know who a child is: tasks about the child come first.';

COMMENT ON COLUMN public.court_question.court_question_id IS 'Number of the question.';

COMMENT ON COLUMN public.court_question.source IS 'Source of a record of the child.';

COMMENT ON COLUMN public.court_question.source_record_id IS 'Id of that record.';

COMMENT ON COLUMN public.court_question.matter IS 'What waits: a form or file, no name.';

COMMENT ON COLUMN public.court_question.due_on IS 'Court day by which the answer is needed.';

COMMENT ON COLUMN public.court_question.asked_by IS 'Who asks.';

COMMENT ON COLUMN public.court_question.asked_at IS 'When it was asked.';

COMMENT ON COLUMN public.court_question.answered_at IS 'When it was answered, or no longer needed.';

ALTER TABLE public.court_question ALTER COLUMN court_question_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.court_question_court_question_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE public.disclosure ALTER COLUMN disclosure_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.disclosure_disclosure_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.generic_value (
    judgement_id bigint NOT NULL,
    field text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL COLLATE pg_catalog."C"
);

COMMENT ON TABLE public.generic_value IS 'Values that a steward marked as shared by many people; the next model that is fitted takes them for no evidence.';

COMMENT ON COLUMN public.generic_value.judgement_id IS 'The judgement; the mark holds while it does.';

COMMENT ON COLUMN public.generic_value.field IS 'Column of the normalised record.';

COMMENT ON COLUMN public.generic_value.digest IS 'Digest of the value, as models keep it: the value itself is not repeated here.';

CREATE TABLE public.identity_event (
    seq bigint NOT NULL,
    kind text NOT NULL,
    person_id text NOT NULL COLLATE pg_catalog."C",
    other_person_ids text[] NOT NULL,
    records jsonb NOT NULL,
    run_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT identity_event_kind_check CHECK ((kind = ANY (ARRAY['created'::text, 'joined'::text, 'added'::text, 'moved'::text, 'split'::text, 'removed'::text, 'retired'::text, 'revived'::text, 'review_decided'::text, 'review_undone'::text])))
);

COMMENT ON TABLE public.identity_event IS 'What became of persons, in one gapless sequence from which consumers resume; never changed.';

COMMENT ON COLUMN public.identity_event.seq IS 'Counts from 1 without a gap, in the order of publication.';

COMMENT ON COLUMN public.identity_event.kind IS 'created: a new person with these records; split: these records left this person for a new one; joined: they came here from persons that retire into this one; moved: they came here from a person that lives on; added: records new to the index came here; removed: records were withdrawn; retired: the id has no records left; revived: a judgement was undone, and these records came back to an id that it had retired; review_decided: a question to stewards about these records was decided, after which they belong to these persons; review_undone: that decision was undone.';

COMMENT ON COLUMN public.identity_event.person_id IS 'The person it is about.';

COMMENT ON COLUMN public.identity_event.other_person_ids IS 'The persons on the other side, sorted.';

COMMENT ON COLUMN public.identity_event.records IS 'Keys of the records concerned, as [[source, id], …], sorted.';

COMMENT ON COLUMN public.identity_event.run_id IS 'The run that published it.';

COMMENT ON COLUMN public.identity_event.at IS 'When it was published.';

CREATE TABLE public.judgement (
    judgement_id bigint NOT NULL,
    kind text NOT NULL,
    reason text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    task_id bigint,
    evidence jsonb DEFAULT '{}'::jsonb NOT NULL,
    model_fingerprint text COLLATE pg_catalog."C",
    missing text,
    needs_second boolean DEFAULT false NOT NULL,
    CONSTRAINT judgement_kind_check CHECK ((kind = ANY (ARRAY['same'::text, 'different'::text, 'cannot_tell'::text, 'split'::text, 'move'::text, 'detach'::text, 'generic'::text, 'note'::text, 'ask_second'::text])))
);

COMMENT ON TABLE public.judgement IS 'What a steward or a court said; what it demands is in judgement_record; never changed.';

COMMENT ON COLUMN public.judgement.judgement_id IS 'Number of the judgement.';

COMMENT ON COLUMN public.judgement.kind IS 'same, different: of two persons. split: the records of part 1 are another person. move: those that leave are of the person they are held with. detach: the records of part 1 are not of this person. cannot_tell, generic, note, ask_second: nothing is demanded of a linking.';

COMMENT ON COLUMN public.judgement.reason IS 'Why, in the steward''s words.';

COMMENT ON COLUMN public.judgement.decided_by IS 'Who decided.';

COMMENT ON COLUMN public.judgement.decided_at IS 'When it was decided.';

COMMENT ON COLUMN public.judgement.task_id IS 'The task in which it was decided, if any.';

COMMENT ON COLUMN public.judgement.evidence IS 'What was known when it was decided: weight, versions of the records; no values.';

COMMENT ON COLUMN public.judgement.model_fingerprint IS 'The model by which the evidence was weighed.';

COMMENT ON COLUMN public.judgement.missing IS 'What would be needed to tell.';

COMMENT ON COLUMN public.judgement.needs_second IS 'It takes no effect before a second person has agreed.';

CREATE TABLE public.judgement_effect (
    judgement_id bigint NOT NULL,
    run_id bigint NOT NULL
);

COMMENT ON TABLE public.judgement_effect IS 'The run by which a judgement took effect: undoing looks there for what was before; never changed.';

COMMENT ON COLUMN public.judgement_effect.judgement_id IS 'The judgement.';

COMMENT ON COLUMN public.judgement_effect.run_id IS 'The run.';

CREATE TABLE public.judgement_second (
    judgement_id bigint NOT NULL,
    agrees boolean NOT NULL,
    reason text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.judgement_second IS 'What the second person said of a judgement that needs one; never changed.';

COMMENT ON COLUMN public.judgement_second.judgement_id IS 'The judgement.';

COMMENT ON COLUMN public.judgement_second.agrees IS 'Whether it takes effect.';

COMMENT ON COLUMN public.judgement_second.reason IS 'Why, in the second person''s words.';

COMMENT ON COLUMN public.judgement_second.decided_by IS 'The second person.';

COMMENT ON COLUMN public.judgement_second.decided_at IS 'When it was said.';

CREATE TABLE public.judgement_undone (
    judgement_id bigint NOT NULL,
    reason text NOT NULL,
    undone_by text NOT NULL,
    undone_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.judgement_undone IS 'That a judgement no longer holds; a fact of its own, so that both stay readable.';

COMMENT ON COLUMN public.judgement_undone.judgement_id IS 'The judgement that no longer holds.';

COMMENT ON COLUMN public.judgement_undone.reason IS 'Why it was undone.';

COMMENT ON COLUMN public.judgement_undone.undone_by IS 'Who undid it.';

COMMENT ON COLUMN public.judgement_undone.undone_at IS 'When it was undone.';

CREATE VIEW public.judgement_in_force AS
 SELECT j.judgement_id,
    j.kind,
    j.reason,
    j.decided_by,
    j.decided_at,
    j.task_id,
    j.evidence,
    j.model_fingerprint,
    j.missing,
    j.needs_second
   FROM public.judgement j
  WHERE ((NOT (EXISTS ( SELECT
           FROM public.judgement_undone u
          WHERE (u.judgement_id = j.judgement_id)))) AND ((NOT j.needs_second) OR (EXISTS ( SELECT
           FROM public.judgement_second s
          WHERE ((s.judgement_id = j.judgement_id) AND s.agrees)))));

COMMENT ON VIEW public.judgement_in_force IS 'The judgements that were not undone, nor wait for a second person or were refused by one.';

ALTER TABLE public.judgement ALTER COLUMN judgement_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.judgement_judgement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.judgement_record (
    judgement_id bigint NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    source_record_id text NOT NULL COLLATE pg_catalog."C",
    part smallint NOT NULL,
    held boolean NOT NULL,
    CONSTRAINT judgement_record_check CHECK (((part > 0) OR (NOT held))),
    CONSTRAINT judgement_record_part_check CHECK ((part >= 0))
);

COMMENT ON TABLE public.judgement_record IS 'The records that a judgement names, in parts. Records of different parts are different people, for ever: the key names them, whatever becomes of persons; never changed.';

COMMENT ON COLUMN public.judgement_record.judgement_id IS 'The judgement.';

COMMENT ON COLUMN public.judgement_record.source IS 'Source of the record.';

COMMENT ON COLUMN public.judgement_record.source_record_id IS 'Id of the record in its source.';

COMMENT ON COLUMN public.judgement_record.part IS 'Number of the part; 0: named as looked at, nothing is said of it.';

COMMENT ON COLUMN public.judgement_record.held IS 'The records of this part are one person.';

CREATE TABLE public.ledger_block (
    block_no bigint NOT NULL,
    disclosures bigint[] NOT NULL,
    digests bytea NOT NULL,
    previous bytea,
    digest bytea NOT NULL,
    sealed_at timestamp with time zone NOT NULL,
    CONSTRAINT ledger_block_block_no_check CHECK ((block_no >= 1)),
    CONSTRAINT ledger_block_check CHECK ((length(digests) = (32 * cardinality(disclosures)))),
    CONSTRAINT ledger_block_check1 CHECK (((block_no = 1) = (previous IS NULL))),
    CONSTRAINT ledger_block_disclosures_check CHECK ((cardinality(disclosures) > 0))
);

COMMENT ON TABLE public.ledger_block IS 'Seals over the ledger: each covers the next rows and the seal before it, so that no row can change, vanish or move unseen.';

COMMENT ON COLUMN public.ledger_block.block_no IS 'Counts from 1 without a gap.';

COMMENT ON COLUMN public.ledger_block.disclosures IS 'Numbers of the rows it covers, ascending: all there were between the block before and the last of these.';

COMMENT ON COLUMN public.ledger_block.digests IS 'SHA-256 of each row, 32 bytes each, in the order of the rows: names the row that was changed.';

COMMENT ON COLUMN public.ledger_block.previous IS 'Digest of the block before.';

COMMENT ON COLUMN public.ledger_block.digest IS 'SHA-256 of number, time, rows, digests and previous; the newest is also kept outside the database.';

COMMENT ON COLUMN public.ledger_block.sealed_at IS 'When it was sealed.';

CREATE TABLE public.linked_by_run (
    run_id bigint NOT NULL,
    record_id bigint NOT NULL
);

COMMENT ON TABLE public.linked_by_run IS 'Records that waited for the latest relinks: where one is undone they wait again.';

COMMENT ON COLUMN public.linked_by_run.run_id IS 'The relink.';

COMMENT ON COLUMN public.linked_by_run.record_id IS 'The record.';

CREATE TABLE public.load (
    load_id bigint NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    file_name text NOT NULL,
    file_sha256 text NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT load_check CHECK (((status = 'running'::text) = (finished_at IS NULL))),
    CONSTRAINT load_status_check CHECK ((status = ANY (ARRAY['running'::text, 'finished'::text, 'failed'::text])))
);

COMMENT ON TABLE public.load IS 'One reading of one file of one source.';

COMMENT ON COLUMN public.load.load_id IS 'Number of the load.';

COMMENT ON COLUMN public.load.source IS 'Source system whose extract was read.';

COMMENT ON COLUMN public.load.file_name IS 'Name of the file without its folder.';

COMMENT ON COLUMN public.load.file_sha256 IS 'SHA-256 of the file in hexadecimal: tells whether the same file came before.';

COMMENT ON COLUMN public.load.status IS 'running, finished or failed; batches committed before a failure stay.';

COMMENT ON COLUMN public.load.counts IS 'Rows read, new, changed, unchanged, outdated, withdrawn, rejected.';

COMMENT ON COLUMN public.load.started_at IS 'When reading began.';

COMMENT ON COLUMN public.load.finished_at IS 'When reading ended, well or not.';

CREATE TABLE public.load_field_quality (
    load_id bigint NOT NULL,
    field text NOT NULL COLLATE pg_catalog."C",
    records bigint NOT NULL,
    filled bigint NOT NULL,
    placeholder bigint NOT NULL,
    rejected bigint NOT NULL
);

COMMENT ON TABLE public.load_field_quality IS 'How well each canonical field of a load was filled.';

COMMENT ON COLUMN public.load_field_quality.load_id IS 'The load.';

COMMENT ON COLUMN public.load_field_quality.field IS 'The canonical field.';

COMMENT ON COLUMN public.load_field_quality.records IS 'Records in the load.';

COMMENT ON COLUMN public.load_field_quality.filled IS 'Records with any value in the field.';

COMMENT ON COLUMN public.load_field_quality.placeholder IS 'Records whose value stands for "not known", such as a dummy number.';

COMMENT ON COLUMN public.load_field_quality.rejected IS 'Records whose value cannot be what the field means.';

ALTER TABLE public.load ALTER COLUMN load_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.load_load_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.membership (
    record_id bigint NOT NULL,
    person_id text NOT NULL COLLATE pg_catalog."C",
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone,
    probability double precision,
    reason text NOT NULL,
    run_id bigint NOT NULL,
    ended_run bigint,
    CONSTRAINT membership_check CHECK ((to_at > from_at)),
    CONSTRAINT membership_check1 CHECK (((to_at IS NULL) = (ended_run IS NULL)))
);

COMMENT ON TABLE public.membership IS 'Which person a record belonged to, from when to when, and why.';

COMMENT ON COLUMN public.membership.record_id IS 'The record.';

COMMENT ON COLUMN public.membership.person_id IS 'The person.';

COMMENT ON COLUMN public.membership.from_at IS 'When the membership was published.';

COMMENT ON COLUMN public.membership.to_at IS 'When it ended (that moment excluded); empty while it holds.';

COMMENT ON COLUMN public.membership.probability IS 'Probability, when it began, that the record belongs to the person.';

COMMENT ON COLUMN public.membership.reason IS 'Why it began.';

COMMENT ON COLUMN public.membership.run_id IS 'The run that began it.';

COMMENT ON COLUMN public.membership.ended_run IS 'The run that ended it.';

CREATE TABLE public.model (
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    document json NOT NULL,
    is_current boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.model IS 'The models that relinks used, whole, so that any past answer can be explained.';

COMMENT ON COLUMN public.model.fingerprint IS 'Names the model; two models with one fingerprint are the same.';

COMMENT ON COLUMN public.model.document IS 'The model as readable JSON, text kept as it was (json, not jsonb).';

COMMENT ON COLUMN public.model.is_current IS 'The model that new records are linked with.';

COMMENT ON COLUMN public.model.created_at IS 'When it was stored.';

CREATE TABLE public.night (
    night_id bigint NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    report jsonb DEFAULT '{}'::jsonb NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT night_check CHECK (((status = 'running'::text) = (finished_at IS NULL))),
    CONSTRAINT night_status_check CHECK ((status = ANY (ARRAY['running'::text, 'good'::text, 'needs_person'::text, 'failed'::text])))
);

COMMENT ON TABLE public.night IS 'One row per night job: nights are ordered by number, since clocks can be set back.';

COMMENT ON COLUMN public.night.night_id IS 'Number of the night.';

COMMENT ON COLUMN public.night.status IS 'running: under way, or interrupted and to be completed by the next; good; needs_person: something waits for a person, the rest was done; failed: it ended early.';

COMMENT ON COLUMN public.night.report IS 'What the job printed as JSON: files, relink, verification, timings; no values of records.';

COMMENT ON COLUMN public.night.started_at IS 'When it began, by the clock of that moment.';

COMMENT ON COLUMN public.night.finished_at IS 'When it ended.';

CREATE TABLE public.night_file (
    source text NOT NULL COLLATE pg_catalog."C",
    file_sha256 text NOT NULL,
    file_name text NOT NULL,
    night_id bigint NOT NULL,
    outcome text NOT NULL,
    reasons text[] DEFAULT '{}'::text[] NOT NULL,
    load_id bigint,
    profile jsonb DEFAULT '{}'::jsonb NOT NULL,
    drift jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT night_file_outcome_check CHECK ((outcome = ANY (ARRAY['storing'::text, 'loaded'::text, 'quarantined'::text, 'unreadable'::text])))
);

COMMENT ON TABLE public.night_file IS 'Every file that a night job looked at, by content: none is loaded twice.';

COMMENT ON COLUMN public.night_file.source IS 'The source, as the folder in which the file lay.';

COMMENT ON COLUMN public.night_file.file_sha256 IS 'SHA-256 of its content.';

COMMENT ON COLUMN public.night_file.file_name IS 'Its name at the time.';

COMMENT ON COLUMN public.night_file.night_id IS 'The night that dealt with it last.';

COMMENT ON COLUMN public.night_file.outcome IS 'storing: judged good and being stored; loaded; quarantined: not as the source''s files are; unreadable.';

COMMENT ON COLUMN public.night_file.reasons IS 'Why it is kept out, a sentence each.';

COMMENT ON COLUMN public.night_file.load_id IS 'The load that took it in.';

COMMENT ON COLUMN public.night_file.profile IS 'Rows, shares filled and placeholders by field, formats of ids: what later files are compared with.';

COMMENT ON COLUMN public.night_file.drift IS 'Measures beside those of the source''s earlier files: measure, field, now, usual, and what is wrong, if it is.';

ALTER TABLE public.night ALTER COLUMN night_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.night_night_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.night_page (
    night_id bigint NOT NULL,
    html bytea NOT NULL
);

COMMENT ON TABLE public.night_page IS 'The report of a night as one HTML page, as the operator got it.';

COMMENT ON COLUMN public.night_page.night_id IS 'The night.';

COMMENT ON COLUMN public.night_page.html IS 'The page, compressed; it holds ids of persons and counts, no values of records.';

CREATE TABLE public.number_key (
    key_id text NOT NULL COLLATE pg_catalog."C",
    sealed bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    sealed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.number_key IS 'Data keys by which social security numbers are sealed; made by the program, not by a migration.';

COMMENT ON COLUMN public.number_key.key_id IS 'Name of the key: every sealed number begins with it.';

COMMENT ON COLUMN public.number_key.sealed IS 'The key, sealed with the master key of the installation.';

COMMENT ON COLUMN public.number_key.created_at IS 'When it was made; the newest seals.';

COMMENT ON COLUMN public.number_key.sealed_at IS 'When it was sealed last: after a rotation of the master key it is sealed anew.';

CREATE TABLE public.oversized_key (
    key bigint NOT NULL,
    rule text NOT NULL,
    records bigint NOT NULL
);

COMMENT ON TABLE public.oversized_key IS 'Blocking keys that too many records shared at the last full relink: they make no candidates until the next.';

COMMENT ON COLUMN public.oversized_key.key IS 'Number of the key, as in record_key.';

COMMENT ON COLUMN public.oversized_key.rule IS 'The blocking rule.';

COMMENT ON COLUMN public.oversized_key.records IS 'Records that shared it.';

CREATE TABLE public.oversized_key_before (
    run_id bigint NOT NULL,
    key bigint NOT NULL,
    rule text NOT NULL,
    records bigint NOT NULL
);

COMMENT ON TABLE public.oversized_key_before IS 'Blocking keys that were pinned before the latest full relinks.';

COMMENT ON COLUMN public.oversized_key_before.run_id IS 'The relink.';

COMMENT ON COLUMN public.oversized_key_before.key IS 'Number of the key, as in record_key.';

COMMENT ON COLUMN public.oversized_key_before.rule IS 'The blocking rule.';

COMMENT ON COLUMN public.oversized_key_before.records IS 'Records that shared it.';

CREATE TABLE public.packet (
    token_digest bytea NOT NULL,
    client_id text NOT NULL COLLATE pg_catalog."C",
    purpose text NOT NULL COLLATE pg_catalog."C",
    person_id text COLLATE pg_catalog."C",
    records jsonb NOT NULL,
    tasks bigint[] NOT NULL,
    asked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT packet_check CHECK ((expires_at > asked_at)),
    CONSTRAINT packet_token_digest_check CHECK ((length(token_digest) = 32))
);

COMMENT ON TABLE public.packet IS 'What the medication process was told at a moment, under a token that reveals nothing; never changed, and deleted once it has expired.';

COMMENT ON COLUMN public.packet.token_digest IS 'SHA-256 of the token, which is random and kept by the caller only.';

COMMENT ON COLUMN public.packet.client_id IS 'The client that asked; for any other the token means nothing.';

COMMENT ON COLUMN public.packet.purpose IS 'The purpose of use it was asked for.';

COMMENT ON COLUMN public.packet.person_id IS 'The child; empty where a review is pending on who it is.';

COMMENT ON COLUMN public.packet.records IS 'The pointers told, or one record of each child it may be: [[source, id, person then]].';

COMMENT ON COLUMN public.packet.tasks IS 'Questions to stewards about the child that were open and that the caller may know of.';

COMMENT ON COLUMN public.packet.asked_at IS 'When it was asked.';

COMMENT ON COLUMN public.packet.expires_at IS 'From when on the token is unknown.';

CREATE TABLE public.person_component (
    person_id text NOT NULL COLLATE pg_catalog."C",
    component_id bigint NOT NULL
);

COMMENT ON TABLE public.person_component IS 'Persons that are not alone in their component: a change to one may move records of the others.';

COMMENT ON COLUMN public.person_component.person_id IS 'The person; one that is not named here makes a component by itself.';

COMMENT ON COLUMN public.person_component.component_id IS 'Number of the component: the smallest record_id in it when it was formed.';

CREATE TABLE public.person_retirement (
    person_id text NOT NULL COLLATE pg_catalog."C",
    retired_at timestamp with time zone NOT NULL,
    forwards_to text COLLATE pg_catalog."C",
    revived_at timestamp with time zone NOT NULL,
    CONSTRAINT person_retirement_check CHECK ((revived_at > retired_at))
);

COMMENT ON TABLE public.person_retirement IS 'Times in which an id was retired by a judgement that was undone later; the retirement that holds is in person.';

COMMENT ON COLUMN public.person_retirement.person_id IS 'The id.';

COMMENT ON COLUMN public.person_retirement.retired_at IS 'When it retired.';

COMMENT ON COLUMN public.person_retirement.forwards_to IS 'Who answered for it.';

COMMENT ON COLUMN public.person_retirement.revived_at IS 'When the judgement was undone and its records came back.';

CREATE TABLE public.provider_sign_in (
    browser_hash bytea NOT NULL,
    state_hash bytea NOT NULL,
    nonce text NOT NULL,
    code_verifier text NOT NULL,
    wanted text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT provider_sign_in_browser_hash_check CHECK ((octet_length(browser_hash) = 32)),
    CONSTRAINT provider_sign_in_state_hash_check CHECK ((octet_length(state_hash) = 32))
);

COMMENT ON TABLE public.provider_sign_in IS 'Browsers sent to the identity provider that have not come back yet; ten minutes at most.';

COMMENT ON COLUMN public.provider_sign_in.browser_hash IS 'SHA-256 of a token that only this browser holds.';

COMMENT ON COLUMN public.provider_sign_in.state_hash IS 'SHA-256 of the state that the provider must give back.';

COMMENT ON COLUMN public.provider_sign_in.nonce IS 'What the identity token must repeat.';

COMMENT ON COLUMN public.provider_sign_in.code_verifier IS 'What proves that the code is redeemed by who asked for it (PKCE).';

COMMENT ON COLUMN public.provider_sign_in.wanted IS 'The page to go on to, a path of the workbench.';

COMMENT ON COLUMN public.provider_sign_in.started_at IS 'When the browser was sent away.';

CREATE TABLE public.record_key (
    record_id bigint NOT NULL,
    version integer NOT NULL,
    keys bigint[] NOT NULL
);

COMMENT ON TABLE public.record_key IS 'The blocking keys of every record that is linked; two records that share one are candidates.';

COMMENT ON COLUMN public.record_key.record_id IS 'The record.';

COMMENT ON COLUMN public.record_key.version IS 'The version of the source record from which the keys were derived.';

COMMENT ON COLUMN public.record_key.keys IS 'Numbers of the keys of all rules: 64 bits of the MD5 of rule and key, in ascending order.';

CREATE TABLE public.record_to_link (
    record_id bigint NOT NULL,
    version integer NOT NULL
);

COMMENT ON TABLE public.record_to_link IS 'Records new, changed or withdrawn since a relink last saw them; a load adds to it, a publication takes away. Without it, "changed since" would depend on clocks.';

COMMENT ON COLUMN public.record_to_link.record_id IS 'The record.';

COMMENT ON COLUMN public.record_to_link.version IS 'Its version that no relink has seen; a relink that saw an older one leaves the row.';

CREATE TABLE public.relationship (
    relationship_id bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    record_id bigint NOT NULL,
    client_id text NOT NULL COLLATE pg_catalog."C",
    user_id text COLLATE pg_catalog."C",
    from_at timestamp with time zone NOT NULL,
    until_at timestamp with time zone,
    recorded_by text NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT relationship_check CHECK ((until_at > from_at))
);

COMMENT ON TABLE public.relationship IS 'Who stands how to a child: the assigned worker, the school, the agency legally responsible; never changed.';

COMMENT ON COLUMN public.relationship.relationship_id IS 'Number of the relationship.';

COMMENT ON COLUMN public.relationship.kind IS 'What it is, as agreements name it; legal_responsibility counts whoever asks.';

COMMENT ON COLUMN public.relationship.record_id IS 'The record of the child that it was recorded for; it stays with the child through joins and splits.';

COMMENT ON COLUMN public.relationship.client_id IS 'The client, or agency, that stands in it.';

COMMENT ON COLUMN public.relationship.user_id IS 'The user of that client who does; empty: every one.';

COMMENT ON COLUMN public.relationship.from_at IS 'When it begins.';

COMMENT ON COLUMN public.relationship.until_at IS 'When it ends by itself (that moment excluded); empty: it does not.';

COMMENT ON COLUMN public.relationship.recorded_by IS 'Who recorded it.';

COMMENT ON COLUMN public.relationship.recorded_at IS 'When it was recorded.';

CREATE TABLE public.relationship_ended (
    relationship_id bigint NOT NULL,
    reason text NOT NULL,
    ended_by text NOT NULL,
    ended_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.relationship_ended IS 'That a relationship no longer holds; effective at once.';

COMMENT ON COLUMN public.relationship_ended.relationship_id IS 'What no longer holds.';

COMMENT ON COLUMN public.relationship_ended.reason IS 'Why it ended.';

COMMENT ON COLUMN public.relationship_ended.ended_by IS 'Who said so.';

COMMENT ON COLUMN public.relationship_ended.ended_at IS 'When it was said.';

ALTER TABLE public.relationship ALTER COLUMN relationship_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.relationship_relationship_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.review_task (
    task_id bigint NOT NULL,
    kind text NOT NULL,
    left_record_id bigint NOT NULL,
    right_record_id bigint NOT NULL,
    left_person_id text NOT NULL COLLATE pg_catalog."C",
    right_person_id text NOT NULL COLLATE pg_catalog."C",
    left_records bigint[] NOT NULL,
    right_records bigint[] NOT NULL,
    fields text[] NOT NULL,
    weight_bits double precision NOT NULL,
    pairs integer NOT NULL,
    sources text[] NOT NULL COLLATE pg_catalog."C",
    in_care boolean NOT NULL,
    due_on date,
    due_why text,
    status text DEFAULT 'open'::text NOT NULL,
    closed_at timestamp with time zone,
    closed_why text,
    judgement_id bigint,
    earlier_task_id bigint,
    claimed_by text,
    claimed_until timestamp with time zone,
    asked_senior boolean DEFAULT false NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    run_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    signs text[] DEFAULT '{}'::text[] NOT NULL,
    by_sentinel boolean DEFAULT false NOT NULL,
    before_version integer,
    CONSTRAINT review_task_check CHECK (((status = ANY (ARRAY['decided'::text, 'closed'::text])) = (closed_at IS NOT NULL))),
    CONSTRAINT review_task_check1 CHECK (((closed_at IS NULL) = (closed_why IS NULL))),
    CONSTRAINT review_task_check2 CHECK (((claimed_by IS NULL) = (claimed_until IS NULL))),
    CONSTRAINT review_task_closed_why_check CHECK ((closed_why = ANY (ARRAY['decided'::text, 'decided_elsewhere'::text, 'now_one_person'::text, 'now_apart'::text, 'withdrawn'::text, 'no_longer_in_doubt'::text, 'relink_undone'::text]))),
    CONSTRAINT review_task_kind_check CHECK ((kind = ANY (ARRAY['possible_duplicate'::text, 'possible_overlay'::text, 'identifier_conflict'::text, 'possible_split'::text, 'twin_or_sibling_alert'::text]))),
    CONSTRAINT review_task_status_check CHECK ((status = ANY (ARRAY['open'::text, 'waiting'::text, 'decided'::text, 'closed'::text]))),
    CONSTRAINT review_task_two_sides CHECK (((left_record_id = right_record_id) = (before_version IS NOT NULL)))
);

COMMENT ON TABLE public.review_task IS 'A question for a steward: are two sides one person? It follows from the partition.';

COMMENT ON COLUMN public.review_task.task_id IS 'Number of the task.';

COMMENT ON COLUMN public.review_task.kind IS 'possible_duplicate: two persons may be one. twin_or_sibling_alert: two persons agree as twins or siblings do. identifier_conflict: one number on two persons, or two numbers on one. possible_overlay: one person shows two people. possible_split: a part is weakly held.';

COMMENT ON COLUMN public.review_task.left_record_id IS 'The oldest record of the left side: with that of the right it names the question, whatever ids persons have.';

COMMENT ON COLUMN public.review_task.right_record_id IS 'The oldest record of the right side.';

COMMENT ON COLUMN public.review_task.left_person_id IS 'The person of the left side, while the task is open.';

COMMENT ON COLUMN public.review_task.right_person_id IS 'The person of the right side; the same as the left where a part of one person may leave.';

COMMENT ON COLUMN public.review_task.left_records IS 'All records of the left side, ascending.';

COMMENT ON COLUMN public.review_task.right_records IS 'All records of the right side: the other person, or the part that may leave.';

COMMENT ON COLUMN public.review_task.fields IS 'Comparisons that raise the question: what contradicts, or which number is shared.';

COMMENT ON COLUMN public.review_task.weight_bits IS 'Weight in bits that both sides are one person; brought up to date while open.';

COMMENT ON COLUMN public.review_task.pairs IS 'Pairs of records that were weighed between the sides.';

COMMENT ON COLUMN public.review_task.sources IS 'Sources of the records of both sides, sorted.';

COMMENT ON COLUMN public.review_task.in_care IS 'A side is a child in care: it has a record of child welfare or of the juvenile court.';

COMMENT ON COLUMN public.review_task.due_on IS 'Court day by which an answer is needed.';

COMMENT ON COLUMN public.review_task.due_why IS 'What waits for the answer.';

COMMENT ON COLUMN public.review_task.status IS 'open; waiting for a second person; decided; closed by itself.';

COMMENT ON COLUMN public.review_task.closed_at IS 'When it was decided or closed.';

COMMENT ON COLUMN public.review_task.closed_why IS 'Why it was closed.';

COMMENT ON COLUMN public.review_task.judgement_id IS 'The decision, also one that waits for a second person.';

COMMENT ON COLUMN public.review_task.earlier_task_id IS 'The task in which the same question was decided before the evidence changed.';

COMMENT ON COLUMN public.review_task.claimed_by IS 'Who works on it.';

COMMENT ON COLUMN public.review_task.claimed_until IS 'When the claim ends by itself.';

COMMENT ON COLUMN public.review_task.asked_senior IS 'A steward asks a second one to look at it.';

COMMENT ON COLUMN public.review_task.version IS 'Counts changes of the question and of its state: who decides names the one that was seen.';

COMMENT ON COLUMN public.review_task.run_id IS 'The run that asked first.';

COMMENT ON COLUMN public.review_task.created_at IS 'When it was asked first.';

COMMENT ON COLUMN public.review_task.signs IS 'What the sentinel sees in the person that speaks for several people.';

COMMENT ON COLUMN public.review_task.by_sentinel IS 'The sentinel asked it, not the linking: it stands as long as the signs do.';

COMMENT ON COLUMN public.review_task.before_version IS 'Of a question about one record, which stands on both sides: its last version before what is asked about; the other side is what the record says now.';

ALTER TABLE public.review_task ALTER COLUMN task_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.review_task_task_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.run (
    run_id bigint NOT NULL,
    kind text NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    model_fingerprint text COLLATE pg_catalog."C",
    policy jsonb DEFAULT '{}'::jsonb NOT NULL,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    timings jsonb DEFAULT '{}'::jsonb NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    decided_by text,
    decided_at timestamp with time zone,
    CONSTRAINT run_check CHECK (((status = 'running'::text) = (finished_at IS NULL))),
    CONSTRAINT run_decided_check CHECK (((decided_by IS NULL) = (decided_at IS NULL))),
    CONSTRAINT run_kind_check CHECK ((kind = ANY (ARRAY['full'::text, 'changed'::text, 'online'::text, 'judgement'::text, 'undo'::text]))),
    CONSTRAINT run_status_check CHECK ((status = ANY (ARRAY['running'::text, 'published'::text, 'dry_run'::text, 'failed'::text, 'waiting'::text, 'undone'::text, 'replaced'::text, 'rejected'::text])))
);

COMMENT ON TABLE public.run IS 'One linking: what it used, what it changed, how long it took.';

COMMENT ON COLUMN public.run.run_id IS 'Number of the run.';

COMMENT ON COLUMN public.run.kind IS 'full: all records; changed: only what changes touch; online: one record; judgement: one decision.';

COMMENT ON COLUMN public.run.status IS 'running; published; dry_run: looked only; failed: nothing was published; waiting for a person; replaced: another run took its place while it waited; rejected by a person; undone: published, and taken back.';

COMMENT ON COLUMN public.run.model_fingerprint IS 'The model it used.';

COMMENT ON COLUMN public.run.policy IS 'The linkage policy it used.';

COMMENT ON COLUMN public.run.counts IS 'What it changed and looked at; where it was over its budget: what was over, and the largest changes.';

COMMENT ON COLUMN public.run.timings IS 'Stage to seconds.';

COMMENT ON COLUMN public.run.started_at IS 'When it began.';

COMMENT ON COLUMN public.run.finished_at IS 'When it ended.';

COMMENT ON COLUMN public.run.decided_by IS 'Who accepted or rejected what was over its budget.';

COMMENT ON COLUMN public.run.decided_at IS 'When.';

ALTER TABLE public.run ALTER COLUMN run_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.run_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.schema_migration (
    number integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.schema_migration IS 'Migrations applied to this database.';

COMMENT ON COLUMN public.schema_migration.number IS 'Number of the migration.';

COMMENT ON COLUMN public.schema_migration.name IS 'Name of its file.';

COMMENT ON COLUMN public.schema_migration.sha256 IS 'SHA-256 of its text: an applied migration is never edited.';

COMMENT ON COLUMN public.schema_migration.applied_at IS 'When it was applied.';

CREATE TABLE public.sentinel_pass (
    pass_id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    up_to_seq bigint NOT NULL,
    run_id bigint NOT NULL,
    persons bigint NOT NULL,
    findings jsonb NOT NULL
);

COMMENT ON TABLE public.sentinel_pass IS 'Each time that the sentinel looked for persons that may be several.';

COMMENT ON COLUMN public.sentinel_pass.pass_id IS 'Number of the pass.';

COMMENT ON COLUMN public.sentinel_pass.at IS 'When it began.';

COMMENT ON COLUMN public.sentinel_pass.up_to_seq IS 'The newest event then: the next pass looks at persons changed after it.';

COMMENT ON COLUMN public.sentinel_pass.run_id IS 'The newest run then.';

COMMENT ON COLUMN public.sentinel_pass.persons IS 'Persons that it looked at.';

COMMENT ON COLUMN public.sentinel_pass.findings IS 'Counts by sign, questions asked; no values of records.';

ALTER TABLE public.sentinel_pass ALTER COLUMN pass_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.sentinel_pass_pass_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.sign_in_hold (
    name_hash bytea NOT NULL,
    attempts integer NOT NULL,
    last_attempt_at timestamp with time zone NOT NULL,
    held_until timestamp with time zone NOT NULL,
    CONSTRAINT sign_in_hold_name_hash_check CHECK ((octet_length(name_hash) = 32))
);

COMMENT ON TABLE public.sign_in_hold IS 'Names under which signing in failed within a day, whether there is such an account or not.';

COMMENT ON COLUMN public.sign_in_hold.name_hash IS 'SHA-256 of the name as typed: it may be no name but a password in the wrong field.';

COMMENT ON COLUMN public.sign_in_hold.attempts IS 'Failures in a row.';

COMMENT ON COLUMN public.sign_in_hold.last_attempt_at IS 'When the last was.';

COMMENT ON COLUMN public.sign_in_hold.held_until IS 'Until when further attempts are not looked at.';

CREATE TABLE public.source_record (
    record_id bigint NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    source_record_id text NOT NULL COLLATE pg_catalog."C",
    current_version integer NOT NULL,
    last_version integer NOT NULL,
    content_hash bytea NOT NULL,
    record_date text COLLATE pg_catalog."C",
    withdrawn boolean NOT NULL
);

COMMENT ON TABLE public.source_record IS 'The head of each source record: its key, and which of its versions holds.';

COMMENT ON COLUMN public.source_record.record_id IS 'Our number for the record, stable for ever.';

COMMENT ON COLUMN public.source_record.source IS 'Source system.';

COMMENT ON COLUMN public.source_record.source_record_id IS 'The record''s id in that system: opaque, case-sensitive.';

COMMENT ON COLUMN public.source_record.current_version IS 'The version that holds.';

COMMENT ON COLUMN public.source_record.last_version IS 'The highest version number given out; differs after an outdated version came.';

COMMENT ON COLUMN public.source_record.content_hash IS 'Keyed digest of the canonical values that hold: an equal one changes nothing.';

COMMENT ON COLUMN public.source_record.record_date IS 'The source''s own date of the version that holds; an older one does not replace it.';

COMMENT ON COLUMN public.source_record.withdrawn IS 'The source has withdrawn the record (it came with `deleted`).';

ALTER TABLE public.source_record ALTER COLUMN record_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.source_record_record_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.source_record_version (
    record_id bigint NOT NULL,
    version integer NOT NULL,
    source_values jsonb NOT NULL,
    content_hash bytea NOT NULL,
    deleted boolean NOT NULL,
    load_id bigint,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.source_record_version IS 'Everything a source ever said of a record; never changed, never deleted.';

COMMENT ON COLUMN public.source_record_version.record_id IS 'The record.';

COMMENT ON COLUMN public.source_record_version.version IS 'Counts from 1 in the order of arrival.';

COMMENT ON COLUMN public.source_record_version.source_values IS 'Canonical field to value, in the source''s own spelling; the social security number sealed.';

COMMENT ON COLUMN public.source_record_version.content_hash IS 'Keyed digest (HMAC-SHA-256) of the values and of `deleted`.';

COMMENT ON COLUMN public.source_record_version.deleted IS 'This version withdrew the record.';

COMMENT ON COLUMN public.source_record_version.load_id IS 'The load that brought it; empty for a record that came over the API.';

COMMENT ON COLUMN public.source_record_version.recorded_at IS 'When we recorded it.';

CREATE TABLE public.steward_look (
    look_id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    account_id bigint NOT NULL,
    session_id bigint,
    at_what text NOT NULL,
    person_id text COLLATE pg_catalog."C",
    source text COLLATE pg_catalog."C",
    source_record_id text COLLATE pg_catalog."C",
    task_id bigint,
    CONSTRAINT steward_look_at_what_check CHECK ((at_what = ANY (ARRAY['person'::text, 'history'::text, 'record'::text, 'numbers'::text, 'search'::text, 'task'::text]))),
    CONSTRAINT steward_look_check CHECK (((source IS NULL) = (source_record_id IS NULL))),
    CONSTRAINT steward_look_check1 CHECK (((at_what <> 'numbers'::text) OR (person_id IS NOT NULL) OR (source IS NOT NULL)))
);

COMMENT ON TABLE public.steward_look IS 'Every look at a person in the workbench, and every time that whole numbers were shown; never changed.';

COMMENT ON COLUMN public.steward_look.look_id IS 'Number of the look.';

COMMENT ON COLUMN public.steward_look.at IS 'When it was.';

COMMENT ON COLUMN public.steward_look.account_id IS 'Who looked.';

COMMENT ON COLUMN public.steward_look.session_id IS 'In which session, which may be removed by now.';

COMMENT ON COLUMN public.steward_look.at_what IS 'person, history, record, task: a page of it; numbers: whole social security numbers were asked for and shown; search: somebody was searched for by traits, which are not kept.';

COMMENT ON COLUMN public.steward_look.person_id IS 'The person that was shown.';

COMMENT ON COLUMN public.steward_look.source IS 'Source of the record that was shown.';

COMMENT ON COLUMN public.steward_look.source_record_id IS 'Id of the record that was shown.';

COMMENT ON COLUMN public.steward_look.task_id IS 'The task that was shown.';

ALTER TABLE public.steward_look ALTER COLUMN look_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.steward_look_look_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.task_before (
    run_id bigint NOT NULL,
    task_id bigint NOT NULL,
    task jsonb NOT NULL,
    left_version integer
);

COMMENT ON TABLE public.task_before IS 'Open tasks about records that the latest relinks looked at, as they were before.';

COMMENT ON COLUMN public.task_before.run_id IS 'The relink.';

COMMENT ON COLUMN public.task_before.task_id IS 'The task.';

COMMENT ON COLUMN public.task_before.task IS 'The row of review_task.';

COMMENT ON COLUMN public.task_before.left_version IS 'Version in which the relink left it: who has changed it since is not overruled.';

CREATE TABLE public.waiting_change (
    run_id bigint NOT NULL,
    part text NOT NULL,
    place integer NOT NULL,
    content bytea NOT NULL
);

COMMENT ON TABLE public.waiting_change IS 'What a relink found that is over its budget: published when a person accepts it.';

COMMENT ON COLUMN public.waiting_change.run_id IS 'The run that found it.';

COMMENT ON COLUMN public.waiting_change.part IS 'rows, ended and keys as Arrow streams, rest as JSON.';

COMMENT ON COLUMN public.waiting_change.place IS 'Order of the pieces of a part.';

COMMENT ON COLUMN public.waiting_change.content IS 'The piece: numbers of records, ids of persons, weights; no values of records.';

CREATE TABLE public.webhook (
    webhook_id bigint NOT NULL,
    client_id text NOT NULL COLLATE pg_catalog."C",
    purpose text NOT NULL COLLATE pg_catalog."C",
    url text NOT NULL,
    message_key bytea NOT NULL,
    added_by text NOT NULL,
    added_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.webhook IS 'A receiver of a client: events that the client may learn of are posted there. Never changed.';

COMMENT ON COLUMN public.webhook.webhook_id IS 'Number of the webhook.';

COMMENT ON COLUMN public.webhook.client_id IS 'The client that is told; what it may learn is for the agreements to say, at every message.';

COMMENT ON COLUMN public.webhook.purpose IS 'Purpose of use under which it is told.';

COMMENT ON COLUMN public.webhook.url IS 'Where messages are posted: https, or http to this machine.';

COMMENT ON COLUMN public.webhook.message_key IS 'Key from which ids of messages are made, sealed: the receiver could else number the events by trying.';

COMMENT ON COLUMN public.webhook.added_by IS 'Who added it.';

COMMENT ON COLUMN public.webhook.added_at IS 'When it was added.';

CREATE TABLE public.webhook_dead_letter (
    dead_letter_id bigint NOT NULL,
    webhook_id bigint NOT NULL,
    message_id text NOT NULL COLLATE pg_catalog."C",
    is_segregated boolean NOT NULL,
    seq bigint NOT NULL,
    attempts integer NOT NULL,
    problem text NOT NULL,
    request_id text NOT NULL COLLATE pg_catalog."C",
    dead_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    asked_by text,
    settled_how text,
    settled_at timestamp with time zone,
    CONSTRAINT webhook_dead_letter_settled_how_check CHECK ((settled_how = ANY (ARRAY['delivered'::text, 'no longer told'::text])))
);

COMMENT ON TABLE public.webhook_dead_letter IS 'Messages that a receiver refused until they were given up; the next ones were sent. Names the event and holds nothing of it.';

COMMENT ON COLUMN public.webhook_dead_letter.dead_letter_id IS 'Number of the dead letter.';

COMMENT ON COLUMN public.webhook_dead_letter.webhook_id IS 'The webhook.';

COMMENT ON COLUMN public.webhook_dead_letter.message_id IS 'The message.';

COMMENT ON COLUMN public.webhook_dead_letter.is_segregated IS 'Whether it is an event of segregated records, which are numbered apart.';

COMMENT ON COLUMN public.webhook_dead_letter.seq IS 'Number of the event.';

COMMENT ON COLUMN public.webhook_dead_letter.attempts IS 'How often it was refused.';

COMMENT ON COLUMN public.webhook_dead_letter.problem IS 'The last refusal: a status, no word of the receiver.';

COMMENT ON COLUMN public.webhook_dead_letter.request_id IS 'Request of the last attempt, as in the ledger.';

COMMENT ON COLUMN public.webhook_dead_letter.dead_at IS 'When it was given up.';

COMMENT ON COLUMN public.webhook_dead_letter.asked_by IS 'Who asked for it to be sent again; empty: nobody, or it was refused again.';

COMMENT ON COLUMN public.webhook_dead_letter.settled_how IS 'delivered, or no longer told: the agreements do not allow it any more.';

COMMENT ON COLUMN public.webhook_dead_letter.settled_at IS 'When.';

ALTER TABLE public.webhook_dead_letter ALTER COLUMN dead_letter_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_dead_letter_dead_letter_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.webhook_progress (
    webhook_id bigint NOT NULL,
    seq bigint NOT NULL,
    segregated_seq bigint NOT NULL,
    looked_seq bigint DEFAULT '-1'::integer NOT NULL,
    looked_segregated_seq bigint DEFAULT '-1'::integer NOT NULL,
    message_id text COLLATE pg_catalog."C",
    failures integer DEFAULT 0 NOT NULL,
    refusals integer DEFAULT 0 NOT NULL,
    problem text,
    next_attempt_at timestamp with time zone,
    delivered bigint DEFAULT 0 NOT NULL,
    delivered_at timestamp with time zone
);

COMMENT ON TABLE public.webhook_progress IS 'How far the receiver of a webhook has been told, and what stands in the way.';

COMMENT ON COLUMN public.webhook_progress.webhook_id IS 'The webhook.';

COMMENT ON COLUMN public.webhook_progress.seq IS 'Number of the event up to which everything was delivered, or may not be told.';

COMMENT ON COLUMN public.webhook_progress.segregated_seq IS 'The same among events of segregated records.';

COMMENT ON COLUMN public.webhook_progress.looked_seq IS 'Number of the last event when there was last nothing more to tell.';

COMMENT ON COLUMN public.webhook_progress.looked_segregated_seq IS 'The same among events of segregated records.';

COMMENT ON COLUMN public.webhook_progress.message_id IS 'The message that could not be delivered yet; empty: none was tried in vain.';

COMMENT ON COLUMN public.webhook_progress.failures IS 'How often in a row nobody received messages.';

COMMENT ON COLUMN public.webhook_progress.refusals IS 'How often the receiver refused this message.';

COMMENT ON COLUMN public.webhook_progress.problem IS 'What was in the way last: a status or a kind of error, no word of the receiver.';

COMMENT ON COLUMN public.webhook_progress.next_attempt_at IS 'When it is tried again; empty: at once.';

COMMENT ON COLUMN public.webhook_progress.delivered IS 'How many messages the receiver confirmed.';

COMMENT ON COLUMN public.webhook_progress.delivered_at IS 'When it last confirmed one.';

CREATE TABLE public.webhook_secret (
    secret_no bigint NOT NULL,
    webhook_id bigint NOT NULL,
    sealed bytea NOT NULL,
    former_until timestamp with time zone NOT NULL,
    made_by text NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.webhook_secret IS 'The secrets that sign messages; the newest of a webhook holds, those before it for a time too.';

COMMENT ON COLUMN public.webhook_secret.secret_no IS 'Counts up.';

COMMENT ON COLUMN public.webhook_secret.webhook_id IS 'The webhook.';

COMMENT ON COLUMN public.webhook_secret.sealed IS 'The secret, sealed with a key that is not in the database.';

COMMENT ON COLUMN public.webhook_secret.former_until IS 'Until when messages are signed with the secrets before this one as well.';

COMMENT ON COLUMN public.webhook_secret.made_by IS 'Who had it made.';

COMMENT ON COLUMN public.webhook_secret.made_at IS 'When it was made.';

ALTER TABLE public.webhook_secret ALTER COLUMN secret_no ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_secret_secret_no_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.webhook_switch (
    switch_no bigint NOT NULL,
    webhook_id bigint NOT NULL,
    is_on boolean NOT NULL,
    reason text NOT NULL,
    switched_by text NOT NULL,
    switched_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.webhook_switch IS 'Each time a webhook was switched on or off; the last one holds.';

COMMENT ON COLUMN public.webhook_switch.switch_no IS 'Counts up.';

COMMENT ON COLUMN public.webhook_switch.webhook_id IS 'The webhook.';

COMMENT ON COLUMN public.webhook_switch.is_on IS 'Whether messages are sent from then on; where it stands is kept.';

COMMENT ON COLUMN public.webhook_switch.reason IS 'Why.';

COMMENT ON COLUMN public.webhook_switch.switched_by IS 'Who switched it; the service itself, where the receiver was away for too long.';

COMMENT ON COLUMN public.webhook_switch.switched_at IS 'When.';

ALTER TABLE public.webhook_switch ALTER COLUMN switch_no ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_switch_switch_no_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE public.webhook ALTER COLUMN webhook_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_webhook_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE segregated.answered_write (
    idempotency_key text NOT NULL COLLATE pg_catalog."C",
    request_hash bytea NOT NULL,
    status integer NOT NULL,
    answer jsonb NOT NULL,
    answered_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE segregated.answered_write IS 'Of segregated sources: Answers to writes that came with an Idempotency-Key, so that a repetition gets the same; kept for a day.';

COMMENT ON COLUMN segregated.answered_write.idempotency_key IS 'The key as the client chose it, behind the client''s name.';

COMMENT ON COLUMN segregated.answered_write.request_hash IS 'SHA-256 of method, path and body: another request under the same key is refused.';

COMMENT ON COLUMN segregated.answered_write.status IS 'HTTP status of the answer.';

COMMENT ON COLUMN segregated.answered_write.answer IS 'Body of the answer: ids and weights, no values of the record.';

COMMENT ON COLUMN segregated.answered_write.answered_at IS 'When it was answered.';

CREATE TABLE segregated.attached_as_of (
    only_one boolean DEFAULT true NOT NULL,
    last_run bigint NOT NULL,
    relinks text NOT NULL,
    CONSTRAINT attached_as_of_only_one_check CHECK (only_one)
);

COMMENT ON TABLE segregated.attached_as_of IS 'Up to which state of the index the segregated records have followed it.';

COMMENT ON COLUMN segregated.attached_as_of.only_one IS 'There is one row at most.';

COMMENT ON COLUMN segregated.attached_as_of.last_run IS 'The newest run of then: later ones name what they settled.';

COMMENT ON COLUMN segregated.attached_as_of.relinks IS 'Which relinks were published or undone by then: after another one, all are weighed again.';

CREATE TABLE segregated.consent (
    consent_id bigint NOT NULL,
    kind text NOT NULL,
    record_id bigint NOT NULL,
    covers text NOT NULL,
    sources text[] NOT NULL COLLATE pg_catalog."C",
    clients text[] NOT NULL COLLATE pg_catalog."C",
    purposes text[] NOT NULL COLLATE pg_catalog."C",
    from_at timestamp with time zone NOT NULL,
    until_at timestamp with time zone,
    document text NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT consent_check CHECK ((until_at > from_at)),
    CONSTRAINT consent_covers_check CHECK ((covers = ANY (ARRAY['person'::text, 'record'::text]))),
    CONSTRAINT consent_kind_check CHECK ((kind = ANY (ARRAY['consent'::text, 'court_order'::text, 'refusal'::text]))),
    CONSTRAINT consent_sources_check CHECK ((cardinality(sources) > 0))
);

COMMENT ON TABLE segregated.consent IS 'Of segregated sources: Consents, court orders and refusals on file; never changed. Bound to a record, so that they stay with the child through joins and splits.';

COMMENT ON COLUMN segregated.consent.consent_id IS 'Number of the consent, order or refusal.';

COMMENT ON COLUMN segregated.consent.kind IS 'consent, court_order (both allow) or refusal (forbids, whatever an agreement grants).';

COMMENT ON COLUMN segregated.consent.record_id IS 'The record of the child that it was given for.';

COMMENT ON COLUMN segregated.consent.covers IS 'person: all records of the person that the record belongs to; record: that record alone.';

COMMENT ON COLUMN segregated.consent.sources IS 'Sources of which records it covers.';

COMMENT ON COLUMN segregated.consent.clients IS 'Recipients it names; empty: any.';

COMMENT ON COLUMN segregated.consent.purposes IS 'Purposes it names, with those that they include; empty: any.';

COMMENT ON COLUMN segregated.consent.from_at IS 'When it takes effect.';

COMMENT ON COLUMN segregated.consent.until_at IS 'When it ends by itself (that moment excluded); empty: it does not.';

COMMENT ON COLUMN segregated.consent.document IS 'Where the signed document or order is to be found.';

COMMENT ON COLUMN segregated.consent.recorded_by IS 'Who recorded it.';

COMMENT ON COLUMN segregated.consent.recorded_at IS 'When it was recorded.';

ALTER TABLE segregated.consent ALTER COLUMN consent_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME segregated.consent_consent_id_seq
    START WITH -1
    INCREMENT BY -1
    MINVALUE -9223372036854775807
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE segregated.consent_revoked (
    consent_id bigint NOT NULL,
    reason text NOT NULL,
    revoked_by text NOT NULL,
    revoked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE segregated.consent_revoked IS 'Of segregated sources: That a consent, order or refusal no longer holds; effective at once.';

COMMENT ON COLUMN segregated.consent_revoked.consent_id IS 'What no longer holds.';

COMMENT ON COLUMN segregated.consent_revoked.reason IS 'Why it was revoked.';

COMMENT ON COLUMN segregated.consent_revoked.revoked_by IS 'Who revoked it.';

COMMENT ON COLUMN segregated.consent_revoked.revoked_at IS 'When it was revoked.';

CREATE TABLE segregated.event (
    seq bigint NOT NULL,
    kind text NOT NULL,
    person_id text NOT NULL COLLATE pg_catalog."C",
    other_person_ids text[] NOT NULL,
    record_id bigint NOT NULL,
    records jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT event_kind_check CHECK ((kind = ANY (ARRAY['created'::text, 'joined'::text, 'added'::text, 'moved'::text, 'removed'::text])))
);

COMMENT ON TABLE segregated.event IS 'What became of segregated records, in a gapless sequence of its own; never changed.';

COMMENT ON COLUMN segregated.event.seq IS 'Counts from 1 without a gap.';

COMMENT ON COLUMN segregated.event.kind IS 'created: it stands alone; added: new, it came to this person; joined: it stood alone and came to this person; moved: it came from another person; removed: it was withdrawn.';

COMMENT ON COLUMN segregated.event.person_id IS 'The person it is about.';

COMMENT ON COLUMN segregated.event.other_person_ids IS 'Where the record was before.';

COMMENT ON COLUMN segregated.event.record_id IS 'The record.';

COMMENT ON COLUMN segregated.event.records IS 'Its key, as [[source, id]].';

COMMENT ON COLUMN segregated.event.at IS 'When it happened.';

CREATE TABLE segregated.judgement (
    judgement_id bigint NOT NULL,
    kind text NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    source_record_id text NOT NULL COLLATE pg_catalog."C",
    records jsonb NOT NULL,
    reason text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT judgement_kind_check CHECK ((kind = ANY (ARRAY['same'::text, 'different'::text])))
);

COMMENT ON TABLE segregated.judgement IS 'What a steward with the right said of a segregated record and a person; never changed.';

COMMENT ON COLUMN segregated.judgement.judgement_id IS 'Number of the judgement.';

COMMENT ON COLUMN segregated.judgement.kind IS 'same: the record is of this person; different: it is not.';

COMMENT ON COLUMN segregated.judgement.source IS 'Source of the segregated record.';

COMMENT ON COLUMN segregated.judgement.source_record_id IS 'Id of the segregated record.';

COMMENT ON COLUMN segregated.judgement.records IS 'The records of the person at that time, the one that agrees most first: they name the person for ever.';

COMMENT ON COLUMN segregated.judgement.reason IS 'Why, in the steward''s words.';

COMMENT ON COLUMN segregated.judgement.decided_by IS 'Who decided.';

COMMENT ON COLUMN segregated.judgement.decided_at IS 'When it was decided.';

ALTER TABLE segregated.judgement ALTER COLUMN judgement_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME segregated.judgement_judgement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE segregated.judgement_undone (
    judgement_id bigint NOT NULL,
    reason text NOT NULL,
    undone_by text NOT NULL,
    undone_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE segregated.judgement_undone IS 'That a judgement no longer holds.';

COMMENT ON COLUMN segregated.judgement_undone.judgement_id IS 'The judgement.';

COMMENT ON COLUMN segregated.judgement_undone.reason IS 'Why it was undone.';

COMMENT ON COLUMN segregated.judgement_undone.undone_by IS 'Who undid it.';

COMMENT ON COLUMN segregated.judgement_undone.undone_at IS 'When it was undone.';

CREATE TABLE segregated.known_source (
    source text NOT NULL COLLATE pg_catalog."C"
);

COMMENT ON TABLE segregated.known_source IS 'The segregated sources of which records ever came.';

COMMENT ON COLUMN segregated.known_source.source IS 'The source, by its name in the configuration.';

CREATE TABLE segregated.load (
    load_id bigint NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    file_name text NOT NULL,
    file_sha256 text NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT load_check CHECK (((status = 'running'::text) = (finished_at IS NULL))),
    CONSTRAINT load_status_check CHECK ((status = ANY (ARRAY['running'::text, 'finished'::text, 'failed'::text])))
);

COMMENT ON TABLE segregated.load IS 'Of segregated sources: One reading of one file of one source.';

COMMENT ON COLUMN segregated.load.load_id IS 'Number of the load.';

COMMENT ON COLUMN segregated.load.source IS 'Source system whose extract was read.';

COMMENT ON COLUMN segregated.load.file_name IS 'Name of the file without its folder.';

COMMENT ON COLUMN segregated.load.file_sha256 IS 'SHA-256 of the file in hexadecimal: tells whether the same file came before.';

COMMENT ON COLUMN segregated.load.status IS 'running, finished or failed; batches committed before a failure stay.';

COMMENT ON COLUMN segregated.load.counts IS 'Rows read, new, changed, unchanged, outdated, withdrawn, rejected.';

COMMENT ON COLUMN segregated.load.started_at IS 'When reading began.';

COMMENT ON COLUMN segregated.load.finished_at IS 'When reading ended, well or not.';

CREATE TABLE segregated.load_field_quality (
    load_id bigint NOT NULL,
    field text NOT NULL COLLATE pg_catalog."C",
    records bigint NOT NULL,
    filled bigint NOT NULL,
    placeholder bigint NOT NULL,
    rejected bigint NOT NULL
);

COMMENT ON TABLE segregated.load_field_quality IS 'Of segregated sources: How well each canonical field of a load was filled.';

COMMENT ON COLUMN segregated.load_field_quality.load_id IS 'The load.';

COMMENT ON COLUMN segregated.load_field_quality.field IS 'The canonical field.';

COMMENT ON COLUMN segregated.load_field_quality.records IS 'Records in the load.';

COMMENT ON COLUMN segregated.load_field_quality.filled IS 'Records with any value in the field.';

COMMENT ON COLUMN segregated.load_field_quality.placeholder IS 'Records whose value stands for "not known", such as a dummy number.';

COMMENT ON COLUMN segregated.load_field_quality.rejected IS 'Records whose value cannot be what the field means.';

ALTER TABLE segregated.load ALTER COLUMN load_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME segregated.load_load_id_seq
    START WITH -1
    INCREMENT BY -1
    MINVALUE -2147483647
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE segregated.membership (
    record_id bigint NOT NULL,
    person_id text NOT NULL COLLATE pg_catalog."C",
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone,
    probability double precision,
    reason text NOT NULL,
    CONSTRAINT membership_check CHECK ((to_at > from_at))
);

COMMENT ON TABLE segregated.membership IS 'Which person a segregated record belonged to, from when to when, and why.';

COMMENT ON COLUMN segregated.membership.record_id IS 'The record.';

COMMENT ON COLUMN segregated.membership.person_id IS 'A person of the index, or the id of its own while it stands alone.';

COMMENT ON COLUMN segregated.membership.from_at IS 'When the membership began.';

COMMENT ON COLUMN segregated.membership.to_at IS 'When it ended (that moment excluded); empty while it holds.';

COMMENT ON COLUMN segregated.membership.probability IS 'Probability, when it began, that the record belongs to the person.';

COMMENT ON COLUMN segregated.membership.reason IS 'Why it began.';

CREATE TABLE segregated.normalised_record (
    record_id bigint NOT NULL,
    version integer NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    source_record_id text NOT NULL COLLATE pg_catalog."C",
    first_name text,
    first_alternatives text[] NOT NULL,
    first_sound text,
    middle_name text,
    last_name text,
    last_tokens text[] NOT NULL,
    last_sound text,
    name_key text,
    suffix text,
    birth_date text,
    birth_year integer,
    birth_month integer,
    birth_day integer,
    birth_estimated boolean,
    sex text,
    birth_order integer,
    multiple_birth boolean,
    ssn text,
    cin text,
    identifiers text[] NOT NULL,
    identifier_types text[] NOT NULL,
    mother_first text,
    mother_last text,
    guardian_first text,
    guardian_last text,
    address text,
    house_number text,
    street text,
    zip text,
    city text,
    state text,
    phone text,
    email text,
    case_id text
);

COMMENT ON TABLE segregated.normalised_record IS 'Of segregated sources: The version that holds of each record not withdrawn, cleaned for matching; can be rebuilt.';

COMMENT ON COLUMN segregated.normalised_record.record_id IS 'The record.';

COMMENT ON COLUMN segregated.normalised_record.version IS 'The version of the source record that was normalised.';

COMMENT ON COLUMN segregated.normalised_record.source IS 'Source system, repeated here so that a relink reads one table.';

COMMENT ON COLUMN segregated.normalised_record.source_record_id IS 'Id in the source system, repeated for the same reason.';

COMMENT ON COLUMN segregated.normalised_record.first_name IS 'All given tokens, letters only.';

COMMENT ON COLUMN segregated.normalised_record.first_alternatives IS 'First name, its nickname roots, given names of aliases.';

COMMENT ON COLUMN segregated.normalised_record.first_sound IS 'Phonetic code of the first given token.';

COMMENT ON COLUMN segregated.normalised_record.middle_name IS 'Middle name.';

COMMENT ON COLUMN segregated.normalised_record.last_name IS 'All surname tokens, letters only.';

COMMENT ON COLUMN segregated.normalised_record.last_tokens IS 'Single surnames, those of aliases among them.';

COMMENT ON COLUMN segregated.normalised_record.last_sound IS 'Phonetic code of the surname.';

COMMENT ON COLUMN segregated.normalised_record.name_key IS 'First and last name in alphabetical order.';

COMMENT ON COLUMN segregated.normalised_record.suffix IS 'Generation suffix.';

COMMENT ON COLUMN segregated.normalised_record.birth_date IS 'Birth date, ISO, only when complete.';

COMMENT ON COLUMN segregated.normalised_record.birth_year IS 'Year of birth.';

COMMENT ON COLUMN segregated.normalised_record.birth_month IS 'Month of birth.';

COMMENT ON COLUMN segregated.normalised_record.birth_day IS 'Day of birth.';

COMMENT ON COLUMN segregated.normalised_record.birth_estimated IS 'The source says that the birth date is an estimate.';

COMMENT ON COLUMN segregated.normalised_record.sex IS 'f or m; other and unknown are no evidence.';

COMMENT ON COLUMN segregated.normalised_record.birth_order IS 'Place among the children of a multiple birth.';

COMMENT ON COLUMN segregated.normalised_record.multiple_birth IS 'Born as one of several.';

COMMENT ON COLUMN segregated.normalised_record.ssn IS 'Social security number, nine digits, sealed; equal numbers have equal texts.';

COMMENT ON COLUMN segregated.normalised_record.cin IS 'Medi-Cal client index number.';

COMMENT ON COLUMN segregated.normalised_record.identifiers IS 'Other personal identifiers as type:value.';

COMMENT ON COLUMN segregated.normalised_record.identifier_types IS 'The types among the identifiers.';

COMMENT ON COLUMN segregated.normalised_record.mother_first IS 'Mother''s first name.';

COMMENT ON COLUMN segregated.normalised_record.mother_last IS 'Mother''s last name.';

COMMENT ON COLUMN segregated.normalised_record.guardian_first IS 'Guardian''s first name.';

COMMENT ON COLUMN segregated.normalised_record.guardian_last IS 'Guardian''s last name.';

COMMENT ON COLUMN segregated.normalised_record.address IS 'House number, street and unit in standard abbreviations.';

COMMENT ON COLUMN segregated.normalised_record.house_number IS 'House number.';

COMMENT ON COLUMN segregated.normalised_record.street IS 'Street without number.';

COMMENT ON COLUMN segregated.normalised_record.zip IS 'Five-digit zip code.';

COMMENT ON COLUMN segregated.normalised_record.city IS 'City.';

COMMENT ON COLUMN segregated.normalised_record.state IS 'State.';

COMMENT ON COLUMN segregated.normalised_record.phone IS 'Telephone number, ten digits.';

COMMENT ON COLUMN segregated.normalised_record.email IS 'E-mail address.';

COMMENT ON COLUMN segregated.normalised_record.case_id IS 'Case in the source system.';

CREATE TABLE segregated.own_person (
    person_id text NOT NULL COLLATE pg_catalog."C",
    record_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE segregated.own_person IS 'The id that a record has while it stands alone, for ever: while it is attached, the id forwards to its person.';

COMMENT ON COLUMN segregated.own_person.person_id IS 'The id, drawn as every person id is.';

COMMENT ON COLUMN segregated.own_person.record_id IS 'The record.';

COMMENT ON COLUMN segregated.own_person.created_at IS 'When it first stood alone.';

CREATE TABLE segregated.question (
    question_id bigint NOT NULL,
    record_id bigint NOT NULL,
    persons text[] NOT NULL COLLATE pg_catalog."C",
    weight_bits double precision[] NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT question_persons_check CHECK ((cardinality(persons) > 0))
);

COMMENT ON TABLE segregated.question IS 'Asks stewards with the right whether a segregated record is of one of these persons.';

COMMENT ON COLUMN segregated.question.question_id IS 'Number of the question.';

COMMENT ON COLUMN segregated.question.record_id IS 'The segregated record.';

COMMENT ON COLUMN segregated.question.persons IS 'The persons that it may be of, the likeliest first.';

COMMENT ON COLUMN segregated.question.weight_bits IS 'Weight of the record with each of them, in bits.';

COMMENT ON COLUMN segregated.question.asked_at IS 'When it was asked first.';

COMMENT ON COLUMN segregated.question.closed_at IS 'When it was decided, or was no longer in doubt.';

ALTER TABLE segregated.question ALTER COLUMN question_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME segregated.question_question_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE segregated.record_key (
    record_id bigint NOT NULL,
    version integer NOT NULL,
    keys bigint[] NOT NULL
);

COMMENT ON TABLE segregated.record_key IS 'Of segregated sources: The blocking keys of every record that is linked; two records that share one are candidates.';

COMMENT ON COLUMN segregated.record_key.record_id IS 'The record.';

COMMENT ON COLUMN segregated.record_key.version IS 'The version of the source record from which the keys were derived.';

COMMENT ON COLUMN segregated.record_key.keys IS 'Numbers of the keys of all rules: 64 bits of the MD5 of rule and key, in ascending order.';

CREATE TABLE segregated.record_to_link (
    record_id bigint NOT NULL,
    version integer NOT NULL
);

COMMENT ON TABLE segregated.record_to_link IS 'Of segregated sources: Records new, changed or withdrawn since a relink last saw them; a load adds to it, a publication takes away. Without it, "changed since" would depend on clocks.';

COMMENT ON COLUMN segregated.record_to_link.record_id IS 'The record.';

COMMENT ON COLUMN segregated.record_to_link.version IS 'Its version that no relink has seen; a relink that saw an older one leaves the row.';

CREATE TABLE segregated.regard (
    record_id bigint NOT NULL,
    records bigint[] NOT NULL,
    persons text[] NOT NULL COLLATE pg_catalog."C"
);

COMMENT ON TABLE segregated.regard IS 'What a record was weighed with when it was last attached: where that changes, it is weighed again.';

COMMENT ON COLUMN segregated.regard.record_id IS 'The segregated record.';

COMMENT ON COLUMN segregated.regard.records IS 'Records of the index that shared a blocking key with it.';

COMMENT ON COLUMN segregated.regard.persons IS 'Their persons.';

CREATE TABLE segregated.relationship (
    relationship_id bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    record_id bigint NOT NULL,
    client_id text NOT NULL COLLATE pg_catalog."C",
    user_id text COLLATE pg_catalog."C",
    from_at timestamp with time zone NOT NULL,
    until_at timestamp with time zone,
    recorded_by text NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT relationship_check CHECK ((until_at > from_at))
);

COMMENT ON TABLE segregated.relationship IS 'Of segregated sources: Who stands how to a child: the assigned worker, the school, the agency legally responsible; never changed.';

COMMENT ON COLUMN segregated.relationship.relationship_id IS 'Number of the relationship.';

COMMENT ON COLUMN segregated.relationship.kind IS 'What it is, as agreements name it; legal_responsibility counts whoever asks.';

COMMENT ON COLUMN segregated.relationship.record_id IS 'The record of the child that it was recorded for; it stays with the child through joins and splits.';

COMMENT ON COLUMN segregated.relationship.client_id IS 'The client, or agency, that stands in it.';

COMMENT ON COLUMN segregated.relationship.user_id IS 'The user of that client who does; empty: every one.';

COMMENT ON COLUMN segregated.relationship.from_at IS 'When it begins.';

COMMENT ON COLUMN segregated.relationship.until_at IS 'When it ends by itself (that moment excluded); empty: it does not.';

COMMENT ON COLUMN segregated.relationship.recorded_by IS 'Who recorded it.';

COMMENT ON COLUMN segregated.relationship.recorded_at IS 'When it was recorded.';

CREATE TABLE segregated.relationship_ended (
    relationship_id bigint NOT NULL,
    reason text NOT NULL,
    ended_by text NOT NULL,
    ended_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE segregated.relationship_ended IS 'Of segregated sources: That a relationship no longer holds; effective at once.';

COMMENT ON COLUMN segregated.relationship_ended.relationship_id IS 'What no longer holds.';

COMMENT ON COLUMN segregated.relationship_ended.reason IS 'Why it ended.';

COMMENT ON COLUMN segregated.relationship_ended.ended_by IS 'Who said so.';

COMMENT ON COLUMN segregated.relationship_ended.ended_at IS 'When it was said.';

ALTER TABLE segregated.relationship ALTER COLUMN relationship_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME segregated.relationship_relationship_id_seq
    START WITH -1
    INCREMENT BY -1
    MINVALUE -9223372036854775807
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE segregated.source_record (
    record_id bigint NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    source_record_id text NOT NULL COLLATE pg_catalog."C",
    current_version integer NOT NULL,
    last_version integer NOT NULL,
    content_hash bytea NOT NULL,
    record_date text COLLATE pg_catalog."C",
    withdrawn boolean NOT NULL
);

COMMENT ON TABLE segregated.source_record IS 'Of segregated sources: The head of each source record: its key, and which of its versions holds.';

COMMENT ON COLUMN segregated.source_record.record_id IS 'Our number for the record, stable for ever.';

COMMENT ON COLUMN segregated.source_record.source IS 'Source system.';

COMMENT ON COLUMN segregated.source_record.source_record_id IS 'The record''s id in that system: opaque, case-sensitive.';

COMMENT ON COLUMN segregated.source_record.current_version IS 'The version that holds.';

COMMENT ON COLUMN segregated.source_record.last_version IS 'The highest version number given out; differs after an outdated version came.';

COMMENT ON COLUMN segregated.source_record.content_hash IS 'SHA-256 of the canonical values that hold: an equal one changes nothing.';

COMMENT ON COLUMN segregated.source_record.record_date IS 'The source''s own date of the version that holds; an older one does not replace it.';

COMMENT ON COLUMN segregated.source_record.withdrawn IS 'The source has withdrawn the record (it came with `deleted`).';

ALTER TABLE segregated.source_record ALTER COLUMN record_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME segregated.source_record_record_id_seq
    START WITH -1
    INCREMENT BY -1
    MINVALUE -9223372036854775807
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE segregated.source_record_version (
    record_id bigint NOT NULL,
    version integer NOT NULL,
    source_values jsonb NOT NULL,
    content_hash bytea NOT NULL,
    deleted boolean NOT NULL,
    load_id bigint,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE segregated.source_record_version IS 'Of segregated sources: Everything a source ever said of a record; never changed, never deleted.';

COMMENT ON COLUMN segregated.source_record_version.record_id IS 'The record.';

COMMENT ON COLUMN segregated.source_record_version.version IS 'Counts from 1 in the order of arrival.';

COMMENT ON COLUMN segregated.source_record_version.source_values IS 'Canonical field to value, in the source''s own spelling.';

COMMENT ON COLUMN segregated.source_record_version.content_hash IS 'SHA-256 of the values and of `deleted`.';

COMMENT ON COLUMN segregated.source_record_version.deleted IS 'This version withdrew the record.';

COMMENT ON COLUMN segregated.source_record_version.load_id IS 'The load that brought it; empty for a record that came over the API.';

COMMENT ON COLUMN segregated.source_record_version.recorded_at IS 'When we recorded it.';

ALTER TABLE ONLY public.account_event
    ADD CONSTRAINT account_event_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_issuer_subject_key UNIQUE (issuer, subject);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_name_key UNIQUE (name);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY public.account_session
    ADD CONSTRAINT account_session_pkey PRIMARY KEY (session_id);

ALTER TABLE ONLY public.account_session
    ADD CONSTRAINT account_session_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY public.adoption_seal_id
    ADD CONSTRAINT adoption_seal_id_pkey PRIMARY KEY (person_id, seal_id);

ALTER TABLE ONLY public.adoption_seal
    ADD CONSTRAINT adoption_seal_pkey PRIMARY KEY (seal_id);

ALTER TABLE ONLY public.adoption_seal_record
    ADD CONSTRAINT adoption_seal_record_pkey PRIMARY KEY (seal_id, record_id);

ALTER TABLE ONLY public.adoption_seal_second
    ADD CONSTRAINT adoption_seal_second_pkey PRIMARY KEY (seal_id);

ALTER TABLE ONLY public.adoption_seal_value
    ADD CONSTRAINT adoption_seal_value_pkey PRIMARY KEY (digest, seal_id, side);

ALTER TABLE ONLY public.adoption_unsealing
    ADD CONSTRAINT adoption_unsealing_pkey PRIMARY KEY (unsealing_id);

ALTER TABLE ONLY public.adoption_unsealing_second
    ADD CONSTRAINT adoption_unsealing_second_pkey PRIMARY KEY (unsealing_id);

ALTER TABLE ONLY public.agreement_application
    ADD CONSTRAINT agreement_application_pkey PRIMARY KEY (application_id);

ALTER TABLE ONLY public.agreement_permit
    ADD CONSTRAINT agreement_permit_pkey PRIMARY KEY (application_id, client_id, purpose, action, from_at, source, agreement, clause, breaks_glass);

ALTER TABLE ONLY public.agreement_version
    ADD CONSTRAINT agreement_version_pkey PRIMARY KEY (agreement_id, version);

ALTER TABLE ONLY public.answered_write
    ADD CONSTRAINT answered_write_pkey PRIMARY KEY (idempotency_key);

ALTER TABLE ONLY public.api_client_version
    ADD CONSTRAINT api_client_version_pkey PRIMARY KEY (client_id, version);

ALTER TABLE ONLY public.broken_glass
    ADD CONSTRAINT broken_glass_pkey PRIMARY KEY (broken_glass_id);

ALTER TABLE ONLY public.broken_glass_reviewed
    ADD CONSTRAINT broken_glass_reviewed_pkey PRIMARY KEY (broken_glass_id);

ALTER TABLE ONLY public.client_assertion_used
    ADD CONSTRAINT client_assertion_used_pkey PRIMARY KEY (client_id, jti_sha256);

ALTER TABLE ONLY public.component_before
    ADD CONSTRAINT component_before_pkey PRIMARY KEY (run_id, person_id);

ALTER TABLE ONLY public.consent
    ADD CONSTRAINT consent_pkey PRIMARY KEY (consent_id);

ALTER TABLE ONLY public.consent_revoked
    ADD CONSTRAINT consent_revoked_pkey PRIMARY KEY (consent_id);

ALTER TABLE ONLY public.court_question
    ADD CONSTRAINT court_question_pkey PRIMARY KEY (court_question_id);

ALTER TABLE ONLY public.disclosure
    ADD CONSTRAINT disclosure_pkey PRIMARY KEY (disclosure_id);

ALTER TABLE ONLY public.generic_value
    ADD CONSTRAINT generic_value_pkey PRIMARY KEY (judgement_id, field);

ALTER TABLE ONLY public.identity_event
    ADD CONSTRAINT identity_event_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY public.judgement_effect
    ADD CONSTRAINT judgement_effect_pkey PRIMARY KEY (judgement_id);

ALTER TABLE ONLY public.judgement
    ADD CONSTRAINT judgement_pkey PRIMARY KEY (judgement_id);

ALTER TABLE ONLY public.judgement_record
    ADD CONSTRAINT judgement_record_pkey PRIMARY KEY (judgement_id, source, source_record_id);

ALTER TABLE ONLY public.judgement_second
    ADD CONSTRAINT judgement_second_pkey PRIMARY KEY (judgement_id);

ALTER TABLE ONLY public.judgement_undone
    ADD CONSTRAINT judgement_undone_pkey PRIMARY KEY (judgement_id);

ALTER TABLE ONLY public.ledger_block
    ADD CONSTRAINT ledger_block_pkey PRIMARY KEY (block_no);

ALTER TABLE ONLY public.linked_by_run
    ADD CONSTRAINT linked_by_run_pkey PRIMARY KEY (run_id, record_id);

ALTER TABLE ONLY public.load_field_quality
    ADD CONSTRAINT load_field_quality_pkey PRIMARY KEY (load_id, field);

ALTER TABLE ONLY public.load
    ADD CONSTRAINT load_pkey PRIMARY KEY (load_id);

ALTER TABLE ONLY public.membership
    ADD CONSTRAINT membership_pkey PRIMARY KEY (record_id, from_at);

ALTER TABLE ONLY public.model
    ADD CONSTRAINT model_pkey PRIMARY KEY (fingerprint);

ALTER TABLE ONLY public.night_file
    ADD CONSTRAINT night_file_pkey PRIMARY KEY (source, file_sha256);

ALTER TABLE ONLY public.night_page
    ADD CONSTRAINT night_page_pkey PRIMARY KEY (night_id);

ALTER TABLE ONLY public.night
    ADD CONSTRAINT night_pkey PRIMARY KEY (night_id);

ALTER TABLE ONLY public.normalised_record
    ADD CONSTRAINT normalised_record_pkey PRIMARY KEY (record_id);

ALTER TABLE ONLY public.number_key
    ADD CONSTRAINT number_key_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY public.oversized_key_before
    ADD CONSTRAINT oversized_key_before_pkey PRIMARY KEY (run_id, key);

ALTER TABLE ONLY public.oversized_key
    ADD CONSTRAINT oversized_key_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.packet
    ADD CONSTRAINT packet_pkey PRIMARY KEY (token_digest);

ALTER TABLE ONLY public.person_component
    ADD CONSTRAINT person_component_pkey PRIMARY KEY (person_id);

ALTER TABLE ONLY public.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (person_id);

ALTER TABLE ONLY public.person_retirement
    ADD CONSTRAINT person_retirement_pkey PRIMARY KEY (person_id, revived_at);

ALTER TABLE ONLY public.provider_sign_in
    ADD CONSTRAINT provider_sign_in_pkey PRIMARY KEY (browser_hash);

ALTER TABLE ONLY public.record_key
    ADD CONSTRAINT record_key_pkey PRIMARY KEY (record_id);

ALTER TABLE ONLY public.record_to_link
    ADD CONSTRAINT record_to_link_pkey PRIMARY KEY (record_id);

ALTER TABLE ONLY public.relationship_ended
    ADD CONSTRAINT relationship_ended_pkey PRIMARY KEY (relationship_id);

ALTER TABLE ONLY public.relationship
    ADD CONSTRAINT relationship_pkey PRIMARY KEY (relationship_id);

ALTER TABLE ONLY public.review_task
    ADD CONSTRAINT review_task_pkey PRIMARY KEY (task_id);

ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.sentinel_pass
    ADD CONSTRAINT sentinel_pass_pkey PRIMARY KEY (pass_id);

ALTER TABLE ONLY public.sign_in_hold
    ADD CONSTRAINT sign_in_hold_pkey PRIMARY KEY (name_hash);

ALTER TABLE ONLY public.source_record
    ADD CONSTRAINT source_record_pkey PRIMARY KEY (record_id);

ALTER TABLE ONLY public.source_record
    ADD CONSTRAINT source_record_source_source_record_id_key UNIQUE (source, source_record_id);

ALTER TABLE ONLY public.source_record_version
    ADD CONSTRAINT source_record_version_pkey PRIMARY KEY (record_id, version);

ALTER TABLE ONLY public.steward_look
    ADD CONSTRAINT steward_look_pkey PRIMARY KEY (look_id);

ALTER TABLE ONLY public.task_before
    ADD CONSTRAINT task_before_pkey PRIMARY KEY (run_id, task_id);

ALTER TABLE ONLY public.waiting_change
    ADD CONSTRAINT waiting_change_pkey PRIMARY KEY (run_id, part, place);

ALTER TABLE ONLY public.webhook_dead_letter
    ADD CONSTRAINT webhook_dead_letter_pkey PRIMARY KEY (dead_letter_id);

ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_pkey PRIMARY KEY (webhook_id);

ALTER TABLE ONLY public.webhook_progress
    ADD CONSTRAINT webhook_progress_pkey PRIMARY KEY (webhook_id);

ALTER TABLE ONLY public.webhook_secret
    ADD CONSTRAINT webhook_secret_pkey PRIMARY KEY (secret_no);

ALTER TABLE ONLY public.webhook_switch
    ADD CONSTRAINT webhook_switch_pkey PRIMARY KEY (switch_no);

ALTER TABLE ONLY segregated.answered_write
    ADD CONSTRAINT answered_write_pkey PRIMARY KEY (idempotency_key);

ALTER TABLE ONLY segregated.attached_as_of
    ADD CONSTRAINT attached_as_of_pkey PRIMARY KEY (only_one);

ALTER TABLE ONLY segregated.consent
    ADD CONSTRAINT consent_pkey PRIMARY KEY (consent_id);

ALTER TABLE ONLY segregated.consent_revoked
    ADD CONSTRAINT consent_revoked_pkey PRIMARY KEY (consent_id);

ALTER TABLE ONLY segregated.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY segregated.judgement
    ADD CONSTRAINT judgement_pkey PRIMARY KEY (judgement_id);

ALTER TABLE ONLY segregated.judgement_undone
    ADD CONSTRAINT judgement_undone_pkey PRIMARY KEY (judgement_id);

ALTER TABLE ONLY segregated.known_source
    ADD CONSTRAINT known_source_pkey PRIMARY KEY (source);

ALTER TABLE ONLY segregated.load_field_quality
    ADD CONSTRAINT load_field_quality_pkey PRIMARY KEY (load_id, field);

ALTER TABLE ONLY segregated.load
    ADD CONSTRAINT load_pkey PRIMARY KEY (load_id);

ALTER TABLE ONLY segregated.membership
    ADD CONSTRAINT membership_pkey PRIMARY KEY (record_id, from_at);

ALTER TABLE ONLY segregated.normalised_record
    ADD CONSTRAINT normalised_record_pkey PRIMARY KEY (record_id);

ALTER TABLE ONLY segregated.own_person
    ADD CONSTRAINT own_person_pkey PRIMARY KEY (person_id);

ALTER TABLE ONLY segregated.own_person
    ADD CONSTRAINT own_person_record_id_key UNIQUE (record_id);

ALTER TABLE ONLY segregated.question
    ADD CONSTRAINT question_pkey PRIMARY KEY (question_id);

ALTER TABLE ONLY segregated.record_key
    ADD CONSTRAINT record_key_pkey PRIMARY KEY (record_id);

ALTER TABLE ONLY segregated.record_to_link
    ADD CONSTRAINT record_to_link_pkey PRIMARY KEY (record_id);

ALTER TABLE ONLY segregated.regard
    ADD CONSTRAINT regard_pkey PRIMARY KEY (record_id);

ALTER TABLE ONLY segregated.relationship_ended
    ADD CONSTRAINT relationship_ended_pkey PRIMARY KEY (relationship_id);

ALTER TABLE ONLY segregated.relationship
    ADD CONSTRAINT relationship_pkey PRIMARY KEY (relationship_id);

ALTER TABLE ONLY segregated.source_record
    ADD CONSTRAINT source_record_pkey PRIMARY KEY (record_id);

ALTER TABLE ONLY segregated.source_record
    ADD CONSTRAINT source_record_source_source_record_id_key UNIQUE (source, source_record_id);

ALTER TABLE ONLY segregated.source_record_version
    ADD CONSTRAINT source_record_version_pkey PRIMARY KEY (record_id, version);

CREATE INDEX account_event_by_account ON public.account_event USING btree (account_id, event_id DESC);

COMMENT ON INDEX public.account_event_by_account IS 'The last events of an account.';

COMMENT ON INDEX public.account_issuer_subject_key IS 'Finds the account of a provider''s person, who has one.';

COMMENT ON INDEX public.account_name_key IS 'Finds an account by its name, and keeps names unique.';

CREATE INDEX account_session_open ON public.account_session USING btree (account_id) WHERE (ended_at IS NULL);

COMMENT ON INDEX public.account_session_open IS 'The sessions of a person, to show and to end.';

COMMENT ON INDEX public.account_session_token_hash_key IS 'Finds the session of a request.';

CREATE INDEX adoption_seal_record_by_record ON public.adoption_seal_record USING btree (record_id);

COMMENT ON INDEX public.adoption_seal_record_by_record IS 'Whether a record stands under a seal.';

CREATE INDEX adoption_seal_value_by_seal ON public.adoption_seal_value USING btree (seal_id);

COMMENT ON INDEX public.adoption_seal_value_by_seal IS 'The values of a seal.';

CREATE INDEX adoption_unsealing_by_seal ON public.adoption_unsealing USING btree (seal_id);

COMMENT ON INDEX public.adoption_unsealing_by_seal IS 'Whether a seal was opened.';

CREATE INDEX answered_write_by_age ON public.answered_write USING btree (answered_at);

COMMENT ON INDEX public.answered_write_by_age IS 'Finds what may be forgotten.';

CREATE INDEX broken_glass_by_person ON public.broken_glass USING btree (person_id, client_id, user_id);

COMMENT ON INDEX public.broken_glass_by_person IS 'Whether the glass is broken for a person and a caller.';

CREATE INDEX client_assertion_used_by_age ON public.client_assertion_used USING btree (expires_at);

COMMENT ON INDEX public.client_assertion_used_by_age IS 'Finds what may be forgotten.';

CREATE INDEX consent_by_record ON public.consent USING btree (record_id);

COMMENT ON INDEX public.consent_by_record IS 'What is on file for the records of a person.';

CREATE INDEX court_question_pending ON public.court_question USING btree (source, source_record_id) WHERE (answered_at IS NULL);

COMMENT ON INDEX public.court_question_pending IS 'Whether a court waits for an answer about a child.';

CREATE INDEX disclosure_by_person ON public.disclosure USING btree (person_id, disclosure_id) WHERE (person_id IS NOT NULL);

COMMENT ON INDEX public.disclosure_by_person IS 'The accounting of a person.';

CREATE INDEX identity_event_by_other_person ON public.identity_event USING gin (other_person_ids) WHERE (other_person_ids <> '{}'::text[]);

COMMENT ON INDEX public.identity_event_by_other_person IS 'The events in which a person is on the other side: where it came from.';

CREATE INDEX identity_event_by_person ON public.identity_event USING btree (person_id, seq);

COMMENT ON INDEX public.identity_event_by_person IS 'The history of a person.';

CREATE INDEX identity_event_by_run ON public.identity_event USING brin (run_id);

COMMENT ON INDEX public.identity_event_by_run IS 'The changes of a run: they lie together, so that a small index will do.';

CREATE INDEX judgement_record_by_record ON public.judgement_record USING btree (source, source_record_id);

COMMENT ON INDEX public.judgement_record_by_record IS 'The judgements that name a record.';

CREATE INDEX ledger_block_by_first ON public.ledger_block USING btree ((disclosures[1]));

COMMENT ON INDEX public.ledger_block_by_first IS 'The block that a row of the ledger belongs to.';

CREATE INDEX load_by_source ON public.load USING btree (source, started_at DESC);

COMMENT ON INDEX public.load_by_source IS 'The last loads of a source, and whether this file was loaded before.';

CREATE INDEX membership_by_person ON public.membership USING btree (person_id, from_at);

COMMENT ON INDEX public.membership_by_person IS 'The records of a person, now or at any past time.';

CREATE INDEX membership_by_run ON public.membership USING brin (run_id);

COMMENT ON INDEX public.membership_by_run IS 'The memberships that a run began, for the same reason.';

CREATE UNIQUE INDEX membership_one_holds ON public.membership USING btree (record_id) WHERE (to_at IS NULL);

COMMENT ON INDEX public.membership_one_holds IS 'A record belongs to one person at a time; also finds it.';

CREATE UNIQUE INDEX model_one_is_current ON public.model USING btree (is_current) WHERE is_current;

COMMENT ON INDEX public.model_one_is_current IS 'At most one model is current.';

CREATE INDEX night_file_by_source ON public.night_file USING btree (source, load_id DESC) WHERE (outcome = 'loaded'::text);

COMMENT ON INDEX public.night_file_by_source IS 'The past of a source, the latest first.';

CREATE INDEX packet_by_expiry ON public.packet USING btree (expires_at);

COMMENT ON INDEX public.packet_by_expiry IS 'What has expired.';

CREATE INDEX person_by_survivor ON public.person USING btree (forwards_to) WHERE (forwards_to IS NOT NULL);

COMMENT ON INDEX public.person_by_survivor IS 'The former ids of a person.';

CREATE INDEX person_component_by_component ON public.person_component USING btree (component_id);

COMMENT ON INDEX public.person_component_by_component IS 'The persons of a component.';

CREATE INDEX record_key_by_key ON public.record_key USING gin (keys) WITH (fastupdate=off);

COMMENT ON INDEX public.record_key_by_key IS 'Finds the candidates of a record; entries are not put off, so that no request pays for many others.';

CREATE INDEX relationship_by_record ON public.relationship USING btree (record_id);

COMMENT ON INDEX public.relationship_by_record IS 'Who stands how to the person of a record.';

CREATE UNIQUE INDEX review_task_asked_once ON public.review_task USING btree (left_record_id, right_record_id) WHERE (status = ANY (ARRAY['open'::text, 'waiting'::text]));

COMMENT ON INDEX public.review_task_asked_once IS 'The same question is open once at most; also finds those about a record, where it stands first.';

CREATE INDEX review_task_by_closing ON public.review_task USING btree (closed_at) WHERE (closed_at IS NOT NULL);

COMMENT ON INDEX public.review_task_by_closing IS 'What was decided and closed lately.';

CREATE INDEX review_task_by_judgement ON public.review_task USING btree (judgement_id) WHERE (judgement_id IS NOT NULL);

COMMENT ON INDEX public.review_task_by_judgement IS 'The task that a judgement decided.';

CREATE INDEX review_task_by_left_person ON public.review_task USING btree (left_person_id);

COMMENT ON INDEX public.review_task_by_left_person IS 'The questions about a person, where it stands first.';

CREATE INDEX review_task_by_right ON public.review_task USING btree (right_record_id) WHERE (status = ANY (ARRAY['open'::text, 'waiting'::text]));

COMMENT ON INDEX public.review_task_by_right IS 'The open questions about a record, where it stands second.';

CREATE INDEX review_task_by_right_person ON public.review_task USING btree (right_person_id);

COMMENT ON INDEX public.review_task_by_right_person IS 'The questions about a person, where it stands second.';

CREATE INDEX review_task_decided ON public.review_task USING gin (left_records, right_records) WHERE (status = 'decided'::text);

COMMENT ON INDEX public.review_task_decided IS 'Whether a question was decided before, by any of its records.';

CREATE INDEX review_task_of_one_record ON public.review_task USING btree (left_record_id, before_version) WHERE (before_version IS NOT NULL);

COMMENT ON INDEX public.review_task_of_one_record IS 'The questions about one record that were ever asked.';

CREATE INDEX review_task_queue ON public.review_task USING btree (due_on, in_care DESC, cardinality(sources) DESC, abs(weight_bits), task_id) WHERE (status = ANY (ARRAY['open'::text, 'waiting'::text]));

COMMENT ON INDEX public.review_task_queue IS 'The queue in its order.';

CREATE INDEX run_full_by_number ON public.run USING btree (run_id) WHERE ((kind = 'full'::text) AND (status = 'published'::text));

COMMENT ON INDEX public.run_full_by_number IS 'Finds the last full relink, which pinned the oversized keys, at every live request.';

CREATE INDEX run_relinks ON public.run USING btree (run_id) WHERE (kind = ANY (ARRAY['full'::text, 'changed'::text, 'undo'::text]));

COMMENT ON INDEX public.run_relinks IS 'The relinks among many live runs.';

COMMENT ON INDEX public.source_record_source_source_record_id_key IS 'Finds a record by its key, and keeps the key unique.';

CREATE INDEX source_record_version_by_time ON public.source_record_version USING brin (recorded_at);

COMMENT ON INDEX public.source_record_version_by_time IS 'What came since a moment; versions are written in the order of time.';

CREATE INDEX source_record_version_protective ON public.source_record_version USING btree (record_id) WHERE (((source_values ->> 'address_protected'::text) = 'true'::text) OR ((source_values ->> 'name_protected'::text) = 'true'::text));

COMMENT ON INDEX public.source_record_version_protective IS 'Finds the few records that protect their person: every search asks.';

CREATE INDEX steward_look_by_account ON public.steward_look USING btree (account_id, look_id DESC);

COMMENT ON INDEX public.steward_look_by_account IS 'What an account looked at.';

CREATE INDEX steward_look_by_person ON public.steward_look USING btree (person_id, look_id DESC) WHERE (person_id IS NOT NULL);

COMMENT ON INDEX public.steward_look_by_person IS 'Who looked at a person last.';

CREATE INDEX webhook_dead_letter_open ON public.webhook_dead_letter USING btree (webhook_id, dead_letter_id) WHERE (settled_at IS NULL);

COMMENT ON INDEX public.webhook_dead_letter_open IS 'The letters that wait, of a webhook.';

CREATE INDEX webhook_secret_of ON public.webhook_secret USING btree (webhook_id, secret_no DESC);

COMMENT ON INDEX public.webhook_secret_of IS 'Finds the newest secrets of a webhook.';

CREATE INDEX webhook_switch_of ON public.webhook_switch USING btree (webhook_id, switch_no DESC);

COMMENT ON INDEX public.webhook_switch_of IS 'Finds whether a webhook is on.';

CREATE INDEX answered_write_answered_at_idx ON segregated.answered_write USING btree (answered_at);

COMMENT ON INDEX segregated.answered_write_answered_at_idx IS 'Finds what may be forgotten.';

CREATE INDEX consent_record_id_idx ON segregated.consent USING btree (record_id);

COMMENT ON INDEX segregated.consent_record_id_idx IS 'What is on file for the records of a person.';

CREATE INDEX event_by_other_person ON segregated.event USING gin (other_person_ids) WHERE (other_person_ids <> '{}'::text[]);

COMMENT ON INDEX segregated.event_by_other_person IS 'The events in which a record left a person.';

CREATE INDEX event_by_person ON segregated.event USING btree (person_id, seq);

COMMENT ON INDEX segregated.event_by_person IS 'The history of a person.';

CREATE INDEX judgement_by_record ON segregated.judgement USING btree (source, source_record_id);

COMMENT ON INDEX segregated.judgement_by_record IS 'What was said of a record.';

CREATE INDEX load_source_started_at_idx ON segregated.load USING btree (source, started_at DESC);

COMMENT ON INDEX segregated.load_source_started_at_idx IS 'The last loads of a source, and whether this file was loaded before.';

CREATE INDEX membership_by_person ON segregated.membership USING btree (person_id, from_at);

COMMENT ON INDEX segregated.membership_by_person IS 'The segregated records of a person, now or at any past time.';

CREATE UNIQUE INDEX membership_one_holds ON segregated.membership USING btree (record_id) WHERE (to_at IS NULL);

COMMENT ON INDEX segregated.membership_one_holds IS 'A record belongs to one person at a time; also finds it.';

COMMENT ON INDEX segregated.own_person_record_id_key IS 'Finds the id of a record; it has one.';

CREATE UNIQUE INDEX question_asked_once ON segregated.question USING btree (record_id) WHERE (closed_at IS NULL);

COMMENT ON INDEX segregated.question_asked_once IS 'One question is open about a record at most.';

CREATE INDEX record_key_keys_idx ON segregated.record_key USING gin (keys) WITH (fastupdate=off);

COMMENT ON INDEX segregated.record_key_keys_idx IS 'Finds the candidates of a record; entries are not put off, so that no request pays for many others.';

CREATE INDEX regard_by_person ON segregated.regard USING gin (persons);

COMMENT ON INDEX segregated.regard_by_person IS 'What a change to a person may concern.';

CREATE INDEX regard_by_record ON segregated.regard USING gin (records);

COMMENT ON INDEX segregated.regard_by_record IS 'What a change to a record of the index may concern.';

CREATE INDEX relationship_record_id_idx ON segregated.relationship USING btree (record_id);

COMMENT ON INDEX segregated.relationship_record_id_idx IS 'Who stands how to the person of a record.';

COMMENT ON INDEX segregated.source_record_source_source_record_id_key IS 'Finds a record by its key, and keeps the key unique.';

CREATE TRIGGER announce BEFORE INSERT ON public.disclosure FOR EACH STATEMENT EXECUTE FUNCTION public.announce_disclosure();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.account_event FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.adoption_seal FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.adoption_seal_id FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.adoption_seal_record FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.adoption_seal_second FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.adoption_seal_value FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.adoption_unsealing FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.adoption_unsealing_second FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.agreement_application FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.agreement_permit FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.agreement_version FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.api_client_version FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.broken_glass FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.broken_glass_reviewed FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.consent FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.consent_revoked FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.disclosure FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.generic_value FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.identity_event FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.judgement FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.judgement_effect FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.judgement_record FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.judgement_second FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.judgement_undone FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_block FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.person_retirement FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.relationship FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.relationship_ended FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.source_record_version FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.steward_look FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER keep_sides AFTER INSERT ON public.membership REFERENCING NEW TABLE AS begun FOR EACH STATEMENT EXECUTE FUNCTION public.keep_sides();

CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON public.account FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON public.person FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER take_sides AFTER INSERT ON public.normalised_record REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION public.take_sides();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON segregated.consent FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON segregated.consent_revoked FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON segregated.event FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON segregated.judgement FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON segregated.judgement_undone FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON segregated.own_person FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON segregated.relationship FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON segregated.relationship_ended FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON segregated.source_record_version FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE ONLY public.account_event
    ADD CONSTRAINT account_event_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);

ALTER TABLE ONLY public.account_session
    ADD CONSTRAINT account_session_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);

ALTER TABLE ONLY public.adoption_seal_id
    ADD CONSTRAINT adoption_seal_id_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.adoption_seal_id
    ADD CONSTRAINT adoption_seal_id_seal_id_fkey FOREIGN KEY (seal_id) REFERENCES public.adoption_seal(seal_id);

ALTER TABLE ONLY public.adoption_seal_record
    ADD CONSTRAINT adoption_seal_record_record_id_fkey FOREIGN KEY (record_id) REFERENCES public.source_record(record_id);

ALTER TABLE ONLY public.adoption_seal_record
    ADD CONSTRAINT adoption_seal_record_seal_id_fkey FOREIGN KEY (seal_id) REFERENCES public.adoption_seal(seal_id);

ALTER TABLE ONLY public.adoption_seal_second
    ADD CONSTRAINT adoption_seal_second_seal_id_fkey FOREIGN KEY (seal_id) REFERENCES public.adoption_seal(seal_id);

ALTER TABLE ONLY public.adoption_seal_value
    ADD CONSTRAINT adoption_seal_value_seal_id_fkey FOREIGN KEY (seal_id) REFERENCES public.adoption_seal(seal_id);

ALTER TABLE ONLY public.adoption_unsealing
    ADD CONSTRAINT adoption_unsealing_consent_id_fkey FOREIGN KEY (consent_id) REFERENCES public.consent(consent_id);

ALTER TABLE ONLY public.adoption_unsealing
    ADD CONSTRAINT adoption_unsealing_seal_id_fkey FOREIGN KEY (seal_id) REFERENCES public.adoption_seal(seal_id);

ALTER TABLE ONLY public.adoption_unsealing_second
    ADD CONSTRAINT adoption_unsealing_second_unsealing_id_fkey FOREIGN KEY (unsealing_id) REFERENCES public.adoption_unsealing(unsealing_id);

ALTER TABLE ONLY public.agreement_permit
    ADD CONSTRAINT agreement_permit_application_id_fkey FOREIGN KEY (application_id) REFERENCES public.agreement_application(application_id);

ALTER TABLE ONLY public.broken_glass
    ADD CONSTRAINT broken_glass_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.broken_glass_reviewed
    ADD CONSTRAINT broken_glass_reviewed_broken_glass_id_fkey FOREIGN KEY (broken_glass_id) REFERENCES public.broken_glass(broken_glass_id);

ALTER TABLE ONLY public.component_before
    ADD CONSTRAINT component_before_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.run(run_id);

ALTER TABLE ONLY public.consent
    ADD CONSTRAINT consent_record_id_fkey FOREIGN KEY (record_id) REFERENCES public.source_record(record_id);

ALTER TABLE ONLY public.consent_revoked
    ADD CONSTRAINT consent_revoked_consent_id_fkey FOREIGN KEY (consent_id) REFERENCES public.consent(consent_id);

ALTER TABLE ONLY public.generic_value
    ADD CONSTRAINT generic_value_judgement_id_fkey FOREIGN KEY (judgement_id) REFERENCES public.judgement(judgement_id);

ALTER TABLE ONLY public.identity_event
    ADD CONSTRAINT identity_event_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.judgement_effect
    ADD CONSTRAINT judgement_effect_judgement_id_fkey FOREIGN KEY (judgement_id) REFERENCES public.judgement(judgement_id);

ALTER TABLE ONLY public.judgement_record
    ADD CONSTRAINT judgement_record_judgement_id_fkey FOREIGN KEY (judgement_id) REFERENCES public.judgement(judgement_id);

ALTER TABLE ONLY public.judgement_second
    ADD CONSTRAINT judgement_second_judgement_id_fkey FOREIGN KEY (judgement_id) REFERENCES public.judgement(judgement_id);

ALTER TABLE ONLY public.judgement_undone
    ADD CONSTRAINT judgement_undone_judgement_id_fkey FOREIGN KEY (judgement_id) REFERENCES public.judgement(judgement_id);

ALTER TABLE ONLY public.linked_by_run
    ADD CONSTRAINT linked_by_run_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.run(run_id);

ALTER TABLE ONLY public.load_field_quality
    ADD CONSTRAINT load_field_quality_load_id_fkey FOREIGN KEY (load_id) REFERENCES public.load(load_id);

ALTER TABLE ONLY public.membership
    ADD CONSTRAINT membership_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.membership
    ADD CONSTRAINT membership_record_id_fkey FOREIGN KEY (record_id) REFERENCES public.source_record(record_id);

ALTER TABLE ONLY public.night_file
    ADD CONSTRAINT night_file_load_id_fkey FOREIGN KEY (load_id) REFERENCES public.load(load_id);

ALTER TABLE ONLY public.night_file
    ADD CONSTRAINT night_file_night_id_fkey FOREIGN KEY (night_id) REFERENCES public.night(night_id);

ALTER TABLE ONLY public.night_page
    ADD CONSTRAINT night_page_night_id_fkey FOREIGN KEY (night_id) REFERENCES public.night(night_id);

ALTER TABLE ONLY public.oversized_key_before
    ADD CONSTRAINT oversized_key_before_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.run(run_id);

ALTER TABLE ONLY public.packet
    ADD CONSTRAINT packet_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.person_component
    ADD CONSTRAINT person_component_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.person
    ADD CONSTRAINT person_forwards_to_fkey FOREIGN KEY (forwards_to) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.person_retirement
    ADD CONSTRAINT person_retirement_forwards_to_fkey FOREIGN KEY (forwards_to) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.person_retirement
    ADD CONSTRAINT person_retirement_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.relationship_ended
    ADD CONSTRAINT relationship_ended_relationship_id_fkey FOREIGN KEY (relationship_id) REFERENCES public.relationship(relationship_id);

ALTER TABLE ONLY public.relationship
    ADD CONSTRAINT relationship_record_id_fkey FOREIGN KEY (record_id) REFERENCES public.source_record(record_id);

ALTER TABLE ONLY public.review_task
    ADD CONSTRAINT review_task_earlier_task_id_fkey FOREIGN KEY (earlier_task_id) REFERENCES public.review_task(task_id);

ALTER TABLE ONLY public.review_task
    ADD CONSTRAINT review_task_judgement_id_fkey FOREIGN KEY (judgement_id) REFERENCES public.judgement(judgement_id);

ALTER TABLE ONLY public.review_task
    ADD CONSTRAINT review_task_left_person_id_fkey FOREIGN KEY (left_person_id) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.review_task
    ADD CONSTRAINT review_task_right_person_id_fkey FOREIGN KEY (right_person_id) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.review_task
    ADD CONSTRAINT review_task_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.run(run_id);

ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_model_fingerprint_fkey FOREIGN KEY (model_fingerprint) REFERENCES public.model(fingerprint);

ALTER TABLE ONLY public.source_record_version
    ADD CONSTRAINT source_record_version_record_id_fkey FOREIGN KEY (record_id) REFERENCES public.source_record(record_id);

ALTER TABLE ONLY public.steward_look
    ADD CONSTRAINT steward_look_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);

ALTER TABLE ONLY public.task_before
    ADD CONSTRAINT task_before_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.run(run_id);

ALTER TABLE ONLY public.task_before
    ADD CONSTRAINT task_before_task_id_fkey FOREIGN KEY (task_id) REFERENCES public.review_task(task_id);

ALTER TABLE ONLY public.waiting_change
    ADD CONSTRAINT waiting_change_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.run(run_id);

ALTER TABLE ONLY public.webhook_dead_letter
    ADD CONSTRAINT webhook_dead_letter_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES public.webhook(webhook_id);

ALTER TABLE ONLY public.webhook_progress
    ADD CONSTRAINT webhook_progress_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES public.webhook(webhook_id);

ALTER TABLE ONLY public.webhook_secret
    ADD CONSTRAINT webhook_secret_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES public.webhook(webhook_id);

ALTER TABLE ONLY public.webhook_switch
    ADD CONSTRAINT webhook_switch_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES public.webhook(webhook_id);

ALTER TABLE ONLY segregated.consent
    ADD CONSTRAINT consent_record_id_fkey FOREIGN KEY (record_id) REFERENCES segregated.source_record(record_id);

ALTER TABLE ONLY segregated.consent_revoked
    ADD CONSTRAINT consent_revoked_consent_id_fkey FOREIGN KEY (consent_id) REFERENCES segregated.consent(consent_id);

ALTER TABLE ONLY segregated.judgement_undone
    ADD CONSTRAINT judgement_undone_judgement_id_fkey FOREIGN KEY (judgement_id) REFERENCES segregated.judgement(judgement_id);

ALTER TABLE ONLY segregated.relationship_ended
    ADD CONSTRAINT relationship_ended_relationship_id_fkey FOREIGN KEY (relationship_id) REFERENCES segregated.relationship(relationship_id);

ALTER TABLE ONLY segregated.relationship
    ADD CONSTRAINT relationship_record_id_fkey FOREIGN KEY (record_id) REFERENCES segregated.source_record(record_id);
