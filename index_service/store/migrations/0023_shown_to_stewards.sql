-- What stewards' pages show of a record is for the owner's connections alone, and its protections do not depend on the order
-- in which rows are read.

CREATE OR REPLACE FUNCTION shown_to_stewards(p_record bigint, p_values jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT redacted(p_record, p_values)
        - CASE WHEN 'address_protected' = ANY (p.flags)
               THEN ARRAY['address_line', 'city', 'zip', 'phone', 'email'] ELSE '{}' END
        - CASE WHEN 'name_protected' = ANY (p.flags) AND p_values ->> 'name_protected' IS DISTINCT FROM 'true'
               THEN ARRAY['first_name', 'middle_name', 'last_name', 'suffix', 'alias_names'] ELSE '{}' END
    FROM (SELECT coalesce((SELECT protections(m.person_id) FROM membership m
                           WHERE m.record_id = p_record AND m.to_at IS NULL), '{}') AS flags) AS p
$$;
REVOKE EXECUTE ON FUNCTION shown_to_stewards(bigint, jsonb) FROM PUBLIC;
