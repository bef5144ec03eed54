-- name: add_version
-- A new state of a client; fails on the primary key if another change came first.
INSERT INTO api_client_version (
    client_id, version, name, organisation, status, issuer, jwks_url, keys, scopes, purposes,
    requests_per_second, burst, not_found_per_minute, reason, changed_by
) VALUES (
    %(client_id)s, %(version)s, %(name)s, %(organisation)s, %(status)s, %(issuer)s, %(jwks_url)s, %(keys)s, %(scopes)s,
    %(purposes)s, %(requests_per_second)s, %(burst)s, %(not_found_per_minute)s, %(reason)s, %(changed_by)s
)
RETURNING changed_at

-- name: client
-- A client as it is now.
SELECT
    client_id, version, name, organisation, status, issuer, jwks_url, keys, scopes, purposes,
    requests_per_second, burst, not_found_per_minute, reason, changed_by, changed_at
FROM api_client_version
WHERE client_id = %(client_id)s
ORDER BY version DESC
LIMIT 1

-- name: clients
-- All clients as they are now.
SELECT
    client_id, version, name, organisation, status, issuer, jwks_url, keys, scopes, purposes,
    requests_per_second, burst, not_found_per_minute, reason, changed_by, changed_at
FROM api_client
ORDER BY client_id

-- name: versions
-- Every state that a client ever had, the first one first.
SELECT
    client_id, version, name, organisation, status, issuer, jwks_url, keys, scopes, purposes,
    requests_per_second, burst, not_found_per_minute, reason, changed_by, changed_at
FROM api_client_version
WHERE client_id = %(client_id)s
ORDER BY version

-- name: use_assertion
-- Uses up a client assertion: a row if it is the first use, none if it was used before. Forgets some that are too old.
WITH old AS (
    SELECT client_id, jti_sha256
    FROM client_assertion_used
    WHERE expires_at < %(now)s
    LIMIT 100
    FOR UPDATE SKIP LOCKED
), forgotten AS (
    DELETE FROM client_assertion_used u USING old
    WHERE (u.client_id, u.jti_sha256) = (old.client_id, old.jti_sha256)
)
INSERT INTO client_assertion_used (client_id, jti_sha256, expires_at)
VALUES (%(client_id)s, %(jti_sha256)s, %(expires_at)s)
ON CONFLICT DO NOTHING
RETURNING expires_at
