-- Persons whose whereabouts, or whose change of name, are protected (Safe at Home): what is told of them besides pointers.

CREATE FUNCTION protections(p_person text) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT array_remove(ARRAY[
        CASE WHEN bool_or(v.source_values ->> 'address_protected' = 'true') THEN 'address_protected' END,
        CASE WHEN bool_or(v.source_values ->> 'name_protected' = 'true') THEN 'name_protected' END], NULL)
    FROM membership m
    JOIN source_record r ON r.record_id = m.record_id
    JOIN source_record_version v ON v.record_id = r.record_id AND v.version = r.current_version
    WHERE m.person_id = p_person AND m.to_at IS NULL
$$;
COMMENT ON FUNCTION protections(text) IS
    'The flags that any record of a person carries now: they hold for what is told of all its records, past values too.';

CREATE OR REPLACE FUNCTION told_values(
    p_record bigint, p_version integer, p_as_of timestamptz, p_granted text[], p_wanted text[])
RETURNS jsonb LANGUAGE sql STABLE AS $$
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
COMMENT ON FUNCTION told_values(bigint, integer, timestamptz, text[], text[]) IS
    'Values of a record, in the version that holds or, for a past moment, in the last that had come by then. Of protected '
    'persons no whereabouts, and no name but that of the record that is flagged.';

CREATE OR REPLACE FUNCTION segregated.permitted(
    p_person text, p_client text, p_user text, p_purpose text, p_action text, p_attributes text[],
    p_as_of timestamptz, p_ever boolean
) RETURNS TABLE (
    record_id bigint, source text, source_record_id text, from_at timestamptz, to_at timestamptz,
    probability double precision, reason text, clauses text[], told jsonb
) LANGUAGE sql STABLE AS $$
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

REVOKE EXECUTE ON FUNCTION protections(text) FROM PUBLIC;
