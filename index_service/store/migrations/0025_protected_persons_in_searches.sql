-- Protected persons (Safe at Home) in searches and comparisons: nobody is found by a name before a protected change, nor by
-- a place where a protected person may be.

CREATE INDEX source_record_version_protective ON source_record_version (record_id)
    WHERE source_values ->> 'address_protected' = 'true' OR source_values ->> 'name_protected' = 'true';
COMMENT ON INDEX source_record_version_protective IS
    'Finds the few records that protect their person: every search asks.';

CREATE OR REPLACE FUNCTION protections(p_person text) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT array_remove(ARRAY[
        CASE WHEN bool_or(v.source_values ->> 'address_protected' = 'true') THEN 'address_protected' END,
        CASE WHEN bool_or(v.source_values ->> 'name_protected' = 'true') THEN 'name_protected' END], NULL)
    FROM membership m
    JOIN source_record r ON r.record_id = m.record_id
    JOIN source_record_version v ON v.record_id = r.record_id AND v.version = r.current_version
    WHERE m.person_id = p_person AND m.to_at IS NULL
      AND (v.source_values ->> 'address_protected' = 'true' OR v.source_values ->> 'name_protected' = 'true')
$$;

CREATE FUNCTION anybody_is_protected() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM source_record_version
                   WHERE source_values ->> 'address_protected' = 'true' OR source_values ->> 'name_protected' = 'true')
$$;
COMMENT ON FUNCTION anybody_is_protected() IS 'Whether any record ever protected a person: where none did, nothing else is asked.';

CREATE FUNCTION hides_whereabouts(p_person text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN 'address_protected' = ANY (protections(p_person));
END $$;
COMMENT ON FUNCTION hides_whereabouts(text) IS 'Whether a person''s whereabouts are protected: none of them is evidence or a key.';

CREATE FUNCTION bears_former_name(p_record bigint, p_person text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN 'name_protected' = ANY (protections(p_person)) AND NOT EXISTS (
        SELECT FROM source_record r
        JOIN source_record_version v ON v.record_id = r.record_id AND v.version = r.current_version
        WHERE r.record_id = p_record AND v.source_values ->> 'name_protected' = 'true');
END $$;
COMMENT ON FUNCTION bears_former_name(bigint, text) IS
    'Whether a record may bear a name that a person had before a protected change: only a record with the flag surely does not.';

REVOKE EXECUTE ON FUNCTION anybody_is_protected(), hides_whereabouts(text), bears_former_name(bigint, text) FROM PUBLIC;
