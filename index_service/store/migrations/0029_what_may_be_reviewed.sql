-- Stewards who work over the API see what the agreements let their client review.

CREATE FUNCTION may_review(p_records bigint[], p_client text, p_user text, p_purpose text)
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM source_record r
        WHERE r.record_id = ANY (p_records)
          AND may_learn(r.record_id, r.source, p_client, p_user, p_purpose, 'review',
                        (SELECT max(a.application_id) FROM agreement_application a), clock_timestamp()) IS NULL);
END $$;
COMMENT ON FUNCTION may_review(bigint[], text, text, text) IS
    'Whether a caller may see all of some records beside each other: a question about one that it may not see is not there.';

CREATE FUNCTION may_not_review(p_sources text[], p_ids text[], p_client text, p_user text, p_purpose text)
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM unnest(p_sources, p_ids) AS a (source, id)
        LEFT JOIN source_record r ON r.source = a.source AND r.source_record_id = a.id
        WHERE may_learn(coalesce(r.record_id, 0), a.source, p_client, p_user, p_purpose, 'review',
                        (SELECT max(a.application_id) FROM agreement_application a), clock_timestamp()) IS NULL);
END $$;
COMMENT ON FUNCTION may_not_review(text[], text[], text, text, text) IS
    'Whether a caller may not see one of some records, named by key; a key that nobody has is judged as one of its source.';

REVOKE EXECUTE ON FUNCTION may_review(bigint[], text, text, text), may_not_review(text[], text[], text, text, text)
    FROM PUBLIC;
