-- Who may learn what, what is on file for a person, and the ledger of what was told. What is released of a person leaves
-- the database through the functions at the end only, each of which reads and writes the ledger in one statement.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';


------------------------------------------------------------------------------------------------------- agreements

CREATE TABLE agreement_version (
    agreement_id text COLLATE "C" NOT NULL,
    version      integer NOT NULL CHECK (version >= 1),
    document     json NOT NULL,
    sha256       text COLLATE "C" NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (agreement_id, version)
);
COMMENT ON TABLE agreement_version IS 'Every text of a data-sharing agreement that was ever applied; never changed.';
COMMENT ON COLUMN agreement_version.agreement_id IS 'The agreement.';
COMMENT ON COLUMN agreement_version.version IS 'Version of its text, as the text itself states it.';
COMMENT ON COLUMN agreement_version.document IS 'The text as JSON, kept as it was (json, not jsonb).';
COMMENT ON COLUMN agreement_version.sha256 IS 'SHA-256 of the document: another text under the same version is refused.';
COMMENT ON COLUMN agreement_version.recorded_at IS 'When it was applied first.';

CREATE TABLE agreement_application (
    application_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agreements     text[] COLLATE "C" NOT NULL,
    reason         text NOT NULL,
    applied_by     text NOT NULL,
    applied_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE agreement_application IS 'Which agreements hold, each time that was settled anew; the last one counts.';
COMMENT ON COLUMN agreement_application.application_id IS 'Counts up; whoever keeps a decision keeps this number beside it.';
COMMENT ON COLUMN agreement_application.agreements IS 'The agreements that hold from here on, as id/version, sorted; one left out holds no more.';
COMMENT ON COLUMN agreement_application.reason IS 'Why, in the words of who applied them.';
COMMENT ON COLUMN agreement_application.applied_by IS 'Who applied them.';
COMMENT ON COLUMN agreement_application.applied_at IS 'From when on they hold.';

CREATE TABLE agreement_permit (
    application_id       bigint NOT NULL REFERENCES agreement_application,
    client_id            text COLLATE "C" NOT NULL,
    purpose              text COLLATE "C" NOT NULL,
    action               text COLLATE "C" NOT NULL,
    from_at              timestamptz NOT NULL,
    until_at             timestamptz NOT NULL,
    source               text COLLATE "C" NOT NULL,
    agreement            text COLLATE "C" NOT NULL,
    clause               text COLLATE "C" NOT NULL,
    attributes           text[] COLLATE "C" NOT NULL,
    on_file              text[] COLLATE "C" NOT NULL,
    relationships        text[] COLLATE "C" NOT NULL,
    legal_responsibility boolean NOT NULL,
    breaks_glass         boolean NOT NULL,
    smallest_cell        integer,
    PRIMARY KEY (application_id, client_id, purpose, action, from_at, source, agreement, clause, breaks_glass)
);
COMMENT ON TABLE agreement_permit IS 'What the agreements applied allow, decided beforehand for every client, purpose and action, denials taken off. What is not here is denied.';
COMMENT ON COLUMN agreement_permit.application_id IS 'The application that it follows from; those of earlier ones stay to be looked up.';
COMMENT ON COLUMN agreement_permit.client_id IS 'The client that may.';
COMMENT ON COLUMN agreement_permit.purpose IS 'The purpose for which it may.';
COMMENT ON COLUMN agreement_permit.action IS 'What it may do.';
COMMENT ON COLUMN agreement_permit.from_at IS 'From when on: no clause that speaks of client, purpose and action begins or ends before `until_at`.';
COMMENT ON COLUMN agreement_permit.until_at IS 'Until when (that moment excluded).';
COMMENT ON COLUMN agreement_permit.source IS 'Source whose records it concerns.';
COMMENT ON COLUMN agreement_permit.agreement IS 'The agreement that allows it, as id/version.';
COMMENT ON COLUMN agreement_permit.clause IS 'The clause in it.';
COMMENT ON COLUMN agreement_permit.attributes IS 'Values that may be told beside the pointer.';
COMMENT ON COLUMN agreement_permit.on_file IS 'consent, court_order: any one of these must be on file; empty: none is needed.';
COMMENT ON COLUMN agreement_permit.relationships IS 'The caller must stand in any one of these to the person; empty: in none.';
COMMENT ON COLUMN agreement_permit.legal_responsibility IS 'An agency must be legally responsible for the child.';
COMMENT ON COLUMN agreement_permit.breaks_glass IS 'Holds only while the caller has broken the glass for the person.';
COMMENT ON COLUMN agreement_permit.smallest_cell IS 'Counts below this are suppressed.';


------------------------------------------------------------------------------------------- what is on file for a person

CREATE TABLE consent (
    consent_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('consent', 'court_order', 'refusal')),
    record_id   bigint NOT NULL REFERENCES source_record,
    covers      text NOT NULL CHECK (covers IN ('person', 'record')),
    sources     text[] COLLATE "C" NOT NULL CHECK (cardinality(sources) > 0),
    clients     text[] COLLATE "C" NOT NULL,
    purposes    text[] COLLATE "C" NOT NULL,
    from_at     timestamptz NOT NULL,
    until_at    timestamptz,
    document    text NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (until_at > from_at)
);
COMMENT ON TABLE consent IS 'Consents, court orders and refusals on file; never changed. Bound to a record, so that they stay with the child through joins and splits.';
COMMENT ON COLUMN consent.consent_id IS 'Number of the consent, order or refusal.';
COMMENT ON COLUMN consent.kind IS 'consent, court_order (both allow) or refusal (forbids, whatever an agreement grants).';
COMMENT ON COLUMN consent.record_id IS 'The record of the child that it was given for.';
COMMENT ON COLUMN consent.covers IS 'person: all records of the person that the record belongs to; record: that record alone.';
COMMENT ON COLUMN consent.sources IS 'Sources of which records it covers.';
COMMENT ON COLUMN consent.clients IS 'Recipients it names; empty: any.';
COMMENT ON COLUMN consent.purposes IS 'Purposes it names, with those that they include; empty: any.';
COMMENT ON COLUMN consent.from_at IS 'When it takes effect.';
COMMENT ON COLUMN consent.until_at IS 'When it ends by itself (that moment excluded); empty: it does not.';
COMMENT ON COLUMN consent.document IS 'Where the signed document or order is to be found.';
COMMENT ON COLUMN consent.recorded_by IS 'Who recorded it.';
COMMENT ON COLUMN consent.recorded_at IS 'When it was recorded.';
CREATE INDEX consent_by_record ON consent (record_id);
COMMENT ON INDEX consent_by_record IS 'What is on file for the records of a person.';

CREATE TABLE consent_revoked (
    consent_id bigint PRIMARY KEY REFERENCES consent,
    reason     text NOT NULL,
    revoked_by text NOT NULL,
    revoked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE consent_revoked IS 'That a consent, order or refusal no longer holds; effective at once.';
COMMENT ON COLUMN consent_revoked.consent_id IS 'What no longer holds.';
COMMENT ON COLUMN consent_revoked.reason IS 'Why it was revoked.';
COMMENT ON COLUMN consent_revoked.revoked_by IS 'Who revoked it.';
COMMENT ON COLUMN consent_revoked.revoked_at IS 'When it was revoked.';

CREATE TABLE relationship (
    relationship_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind            text COLLATE "C" NOT NULL,
    record_id       bigint NOT NULL REFERENCES source_record,
    client_id       text COLLATE "C" NOT NULL,
    user_id         text COLLATE "C",
    from_at         timestamptz NOT NULL,
    until_at        timestamptz,
    recorded_by     text NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (until_at > from_at)
);
COMMENT ON TABLE relationship IS 'Who stands how to a child: the assigned worker, the school, the agency legally responsible; never changed.';
COMMENT ON COLUMN relationship.relationship_id IS 'Number of the relationship.';
COMMENT ON COLUMN relationship.kind IS 'What it is, as agreements name it; legal_responsibility counts whoever asks.';
COMMENT ON COLUMN relationship.record_id IS 'The record of the child that it was recorded for; it stays with the child through joins and splits.';
COMMENT ON COLUMN relationship.client_id IS 'The client, or agency, that stands in it.';
COMMENT ON COLUMN relationship.user_id IS 'The user of that client who does; empty: every one.';
COMMENT ON COLUMN relationship.from_at IS 'When it begins.';
COMMENT ON COLUMN relationship.until_at IS 'When it ends by itself (that moment excluded); empty: it does not.';
COMMENT ON COLUMN relationship.recorded_by IS 'Who recorded it.';
COMMENT ON COLUMN relationship.recorded_at IS 'When it was recorded.';
CREATE INDEX relationship_by_record ON relationship (record_id);
COMMENT ON INDEX relationship_by_record IS 'Who stands how to the person of a record.';

CREATE TABLE relationship_ended (
    relationship_id bigint PRIMARY KEY REFERENCES relationship,
    reason          text NOT NULL,
    ended_by        text NOT NULL,
    ended_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE relationship_ended IS 'That a relationship no longer holds; effective at once.';
COMMENT ON COLUMN relationship_ended.relationship_id IS 'What no longer holds.';
COMMENT ON COLUMN relationship_ended.reason IS 'Why it ended.';
COMMENT ON COLUMN relationship_ended.ended_by IS 'Who said so.';
COMMENT ON COLUMN relationship_ended.ended_at IS 'When it was said.';

CREATE TABLE broken_glass (
    broken_glass_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agreement       text COLLATE "C" NOT NULL,
    client_id       text COLLATE "C" NOT NULL,
    user_id         text COLLATE "C" NOT NULL,
    person_id       text COLLATE "C" NOT NULL REFERENCES person,
    reason          text NOT NULL,
    alerts          text[] NOT NULL,
    broken_at       timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    review_by       timestamptz NOT NULL,
    CHECK (expires_at > broken_at)
);
COMMENT ON TABLE broken_glass IS 'That a human user passed over the conditions of an agreement in an emergency; never changed.';
COMMENT ON COLUMN broken_glass.broken_glass_id IS 'Number of the event.';
COMMENT ON COLUMN broken_glass.agreement IS 'The agreement that allows it, as id/version.';
COMMENT ON COLUMN broken_glass.client_id IS 'The client through which the user asked.';
COMMENT ON COLUMN broken_glass.user_id IS 'The user.';
COMMENT ON COLUMN broken_glass.person_id IS 'The person that it was broken for.';
COMMENT ON COLUMN broken_glass.reason IS 'Why, in the user''s words.';
COMMENT ON COLUMN broken_glass.alerts IS 'Who was to be told at once.';
COMMENT ON COLUMN broken_glass.broken_at IS 'When it was broken.';
COMMENT ON COLUMN broken_glass.expires_at IS 'When it ends by itself.';
COMMENT ON COLUMN broken_glass.review_by IS 'By when somebody is to look at it.';
CREATE INDEX broken_glass_by_person ON broken_glass (person_id, client_id, user_id);
COMMENT ON INDEX broken_glass_by_person IS 'Whether the glass is broken for a person and a caller.';

CREATE TABLE broken_glass_reviewed (
    broken_glass_id bigint PRIMARY KEY REFERENCES broken_glass,
    was_justified   boolean NOT NULL,
    remark          text NOT NULL,
    reviewed_by     text NOT NULL,
    reviewed_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE broken_glass_reviewed IS 'What the review of a broken glass found; those without one wait in the queue.';
COMMENT ON COLUMN broken_glass_reviewed.broken_glass_id IS 'The event.';
COMMENT ON COLUMN broken_glass_reviewed.was_justified IS 'Whether it was right to break it.';
COMMENT ON COLUMN broken_glass_reviewed.remark IS 'What was found.';
COMMENT ON COLUMN broken_glass_reviewed.reviewed_by IS 'Who looked at it.';
COMMENT ON COLUMN broken_glass_reviewed.reviewed_at IS 'When.';


----------------------------------------------------------------------------------------------------------- the ledger

CREATE TABLE disclosure (
    disclosure_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at             timestamptz NOT NULL,
    client_id      text COLLATE "C" NOT NULL,
    user_id        text COLLATE "C",
    purpose        text COLLATE "C" NOT NULL,
    action         text COLLATE "C" NOT NULL,
    outcome        text COLLATE "C" NOT NULL CHECK (outcome IN ('released', 'nothing', 'refused')),
    reason         text,
    application_id bigint,
    question       bytea,
    person_id      text COLLATE "C",
    pointers       json,
    request_id     text COLLATE "C",
    CHECK ((outcome = 'released') = (pointers IS NOT NULL))
);
COMMENT ON TABLE disclosure IS 'The ledger: one row for every person told of, one for every answer that told nothing, one for every refusal.';
COMMENT ON COLUMN disclosure.disclosure_id IS 'Number of the row; gaps are answers that failed before they were given.';
COMMENT ON COLUMN disclosure.at IS 'When it was told.';
COMMENT ON COLUMN disclosure.client_id IS 'The client that asked.';
COMMENT ON COLUMN disclosure.user_id IS 'The human user, where there was one.';
COMMENT ON COLUMN disclosure.purpose IS 'The purpose of use that was stated.';
COMMENT ON COLUMN disclosure.action IS 'What was done, as agreements name it.';
COMMENT ON COLUMN disclosure.outcome IS 'released, nothing (no such person, or none for this caller: the caller cannot tell) or refused.';
COMMENT ON COLUMN disclosure.reason IS 'Why it was refused.';
COMMENT ON COLUMN disclosure.application_id IS 'The agreements that held, see agreement_application; empty: none ever did.';
COMMENT ON COLUMN disclosure.question IS 'What was asked, sealed with a key that is not in the database.';
COMMENT ON COLUMN disclosure.person_id IS 'The person that was told of, under the id of then.';
COMMENT ON COLUMN disclosure.pointers IS 'What was told: [{source, id, clauses, attributes}], in order; attributes by name, never by value.';
COMMENT ON COLUMN disclosure.request_id IS 'The request, as in the log.';
CREATE INDEX disclosure_by_person ON disclosure (person_id, disclosure_id) WHERE person_id IS NOT NULL;
COMMENT ON INDEX disclosure_by_person IS 'The accounting of a person.';

CREATE TABLE ledger_block (
    block_no      bigint PRIMARY KEY CHECK (block_no >= 1),
    disclosures   bigint[] NOT NULL CHECK (cardinality(disclosures) > 0),
    digests       bytea NOT NULL CHECK (length(digests) = 32 * cardinality(disclosures)),
    previous      bytea,
    digest        bytea NOT NULL,
    sealed_at     timestamptz NOT NULL,
    CHECK ((block_no = 1) = (previous IS NULL))
);
COMMENT ON TABLE ledger_block IS 'Seals over the ledger: each covers the next rows and the seal before it, so that no row can change, vanish or move unseen.';
COMMENT ON COLUMN ledger_block.block_no IS 'Counts from 1 without a gap.';
COMMENT ON COLUMN ledger_block.disclosures IS 'Numbers of the rows it covers, ascending: all there were between the block before and the last of these.';
COMMENT ON COLUMN ledger_block.digests IS 'SHA-256 of each row, 32 bytes each, in the order of the rows: names the row that was changed.';
COMMENT ON COLUMN ledger_block.previous IS 'Digest of the block before.';
COMMENT ON COLUMN ledger_block.digest IS 'SHA-256 of number, time, rows, digests and previous; the newest is also kept outside the database.';
COMMENT ON COLUMN ledger_block.sealed_at IS 'When it was sealed.';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['agreement_version', 'agreement_application', 'agreement_permit', 'consent',
        'consent_revoked', 'relationship', 'relationship_ended', 'broken_glass', 'broken_glass_reviewed',
        'disclosure', 'ledger_block']
    LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;


----------------------------------------------------------------------------------------------------------- releasing

CREATE FUNCTION told_values(
    p_record bigint, p_version integer, p_as_of timestamptz, p_granted text[], p_wanted text[])
RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_object_agg(e.key, e.value)
    FROM (SELECT v.source_values FROM source_record_version v
          WHERE v.record_id = p_record AND (v.version = p_version OR p_as_of IS NOT NULL)
            AND (p_as_of IS NULL OR v.recorded_at <= p_as_of)
          ORDER BY v.version DESC LIMIT 1) v
    CROSS JOIN LATERAL jsonb_each(v.source_values) AS e
    WHERE e.key = ANY (p_granted) AND e.key = ANY (p_wanted) AND e.key <> 'ssn'  -- whatever a clause says
$$;
COMMENT ON FUNCTION told_values(bigint, integer, timestamptz, text[], text[]) IS
    'Values of a record, in the version that holds or, for a past moment, in the last that had come by then.';

-- The statements before the last gather what is on file for the person; the last reads the pointers and writes the
-- ledger at once. In pieces, because setting up one plan for everything costs more than running all of these. An id
-- that nobody has goes through the same statements as one of which nothing may be told.
CREATE FUNCTION released(
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
        SELECT * INTO v_person FROM person p WHERE p.person_id = v_asked AND p.created_at <= v_then;
        v_retired_at := CASE WHEN v_person.retired_at <= v_then THEN v_person.retired_at END;
        WHILE v_person.retired_at <= v_then AND v_person.forwards_to IS NOT NULL AND NOT p_ever LOOP
            SELECT * INTO v_person FROM person p WHERE p.person_id = v_person.forwards_to;
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
            SELECT r.source, r.source_record_id, m.from_at, m.to_at, m.probability, m.reason, p.clauses,
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
            WHERE p_source IS NULL
               OR EXISTS (SELECT FROM permitted q WHERE q.source = p_source AND q.source_record_id = p_source_record_id)
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
COMMENT ON FUNCTION released(text, text, text, text, text, bytea, text[], text, text, text[], timestamptz, boolean) IS
    'What a caller may learn of persons, or of the person of a record if it may know that record itself; now, as believed '
    'at a past moment, or ever (both are the action history). Reads and writes the ledger in one call.';

CREATE FUNCTION note_refusal(
    p_client text, p_user text, p_purpose text, p_action text, p_request text, p_question bytea, p_reason text
) RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_number bigint;
BEGIN
    INSERT INTO disclosure (at, client_id, user_id, purpose, action, outcome, reason, application_id, question, request_id)
    VALUES (clock_timestamp(), p_client, p_user, p_purpose, p_action, 'refused', p_reason,
            (SELECT max(application_id) FROM agreement_application), p_question, p_request)
    RETURNING disclosure_id INTO v_number;
    RETURN v_number;
END $$;
COMMENT ON FUNCTION note_refusal(text, text, text, text, text, bytea, text) IS
    'Writes into the ledger that a question was refused before anything was read.';


-------------------------------------------------------------------------------------------------------------- sealing

CREATE FUNCTION announce_disclosure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8099005343142510625);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION announce_disclosure() IS
    'Every writer of the ledger holds a lock from before it takes a number until it has committed, see ledger_horizon.';
CREATE TRIGGER announce BEFORE INSERT ON disclosure FOR EACH STATEMENT EXECUTE FUNCTION announce_disclosure();

CREATE FUNCTION disclosure_digest(d disclosure) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(string_agg(coalesce(length(f.value) || ':' || f.value, '-'), '|' ORDER BY f.place), 'UTF8'))
    FROM unnest(ARRAY[
        ((extract(epoch FROM d.at) * 1000000)::bigint)::text, d.client_id, d.user_id, d.purpose, d.action, d.outcome,
        d.reason, d.application_id::text, encode(d.question, 'hex'), d.person_id, d.pointers::text, d.request_id
    ]) WITH ORDINALITY AS f (value, place)
$$;
COMMENT ON FUNCTION disclosure_digest(disclosure) IS
    'SHA-256 of a row without its number: each value with its length, in order. Verification computes it anew, outside.';

CREATE FUNCTION ledger_horizon() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the ledger is sealed in a transaction of its own, read committed';
    END IF;
    -- Every writer holds this lock, shared: who has it alone knows that all numbers given out so far are committed
    -- or lost for ever.
    PERFORM pg_advisory_xact_lock(8099005343142510625);
    RETURN (SELECT coalesce(max(disclosure_id), 0) FROM disclosure);
END $$;
COMMENT ON FUNCTION ledger_horizon() IS
    'The number up to which the ledger is complete. Call it in a transaction of its own: writers wait while it lasts.';

CREATE FUNCTION seal_ledger(p_up_to bigint) RETURNS TABLE (block_no bigint, digest bytea, rows integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
COMMENT ON FUNCTION seal_ledger(bigint) IS
    'Seals all rows up to a number that ledger_horizon gave; returns the new blocks, whose digests are kept outside too.';

-- What the service may call is granted to its role by `person-index check`; nobody else may call these.
REVOKE EXECUTE ON FUNCTION
    told_values(bigint, integer, timestamptz, text[], text[]),
    released(text, text, text, text, text, bytea, text[], text, text, text[], timestamptz, boolean),
    note_refusal(text, text, text, text, text, bytea, text),
    disclosure_digest(disclosure), ledger_horizon(), seal_ledger(bigint)
FROM PUBLIC;
