-- Asked at every look-up: with a plan that is kept.

CREATE OR REPLACE FUNCTION segregated.sees_any(p_client text, p_purpose text, p_action text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
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
