-- What stewards' pages show of a record: they are a way out like any other.

CREATE FUNCTION shown_to_stewards(p_record bigint, p_values jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT redacted(p_record, p_values)
        - CASE WHEN 'address_protected' = ANY (p.flags)
               THEN ARRAY['address_line', 'city', 'zip', 'phone', 'email'] ELSE '{}' END
        - CASE WHEN 'name_protected' = ANY (p.flags) AND p_values ->> 'name_protected' IS DISTINCT FROM 'true'
               THEN ARRAY['first_name', 'middle_name', 'last_name', 'suffix', 'alias_names'] ELSE '{}' END
    FROM (SELECT protections(m.person_id) AS flags FROM membership m
          WHERE m.record_id = p_record AND m.to_at IS NULL
          UNION ALL SELECT '{}'
          LIMIT 1) AS p
$$;
COMMENT ON FUNCTION shown_to_stewards(bigint, jsonb) IS
    'Values of a record as stewards see them: without what an adoption seal hides and, of protected persons, without '
    'whereabouts and without names but those of the record that is flagged.';
