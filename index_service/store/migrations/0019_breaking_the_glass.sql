-- Breaking the glass: a human user passes over the conditions of an agreement for one person, for a time, and answers for
-- it. It is answered alike whether or not there is such a person.

CREATE FUNCTION break_glass(
    p_client text, p_user text, p_purpose text, p_person text, p_reason text, p_request text, p_question bytea
) RETURNS TABLE (agreement text, alerts text[], expires_at timestamptz, review_by timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
COMMENT ON FUNCTION break_glass(text, text, text, text, text, text, bytea) IS
    'Breaks the glass for a user and a person under every agreement that lets it be broken: which, whom to alert, until '
    'when, and by when somebody looks at it. No row: none does. Writes the ledger. Nobody, a sealed id and a person are '
    'answered alike.';
REVOKE EXECUTE ON FUNCTION break_glass(text, text, text, text, text, text, bytea) FROM PUBLIC;
