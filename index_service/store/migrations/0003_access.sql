-- Who may call: API clients as versions that are never changed, and the client assertions that were used up.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';

CREATE TABLE api_client_version (
    client_id            text COLLATE "C" NOT NULL CHECK (client_id ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$'),
    version              integer NOT NULL CHECK (version >= 1),
    name                 text NOT NULL,
    organisation         text NOT NULL,
    status               text NOT NULL CHECK (status IN ('active', 'disabled')),
    issuer               text COLLATE "C",
    jwks_url             text COLLATE "C",
    keys                 jsonb NOT NULL,
    scopes               text[] COLLATE "C" NOT NULL,
    purposes             text[] COLLATE "C" NOT NULL,
    requests_per_second  double precision NOT NULL CHECK (requests_per_second > 0),
    burst                integer NOT NULL CHECK (burst >= 1),
    not_found_per_minute integer NOT NULL CHECK (not_found_per_minute >= 1),
    reason               text NOT NULL,
    changed_by           text NOT NULL,
    changed_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (client_id, version),
    CHECK (issuer IS NULL OR (jwks_url IS NULL AND keys = '[]'))
);
COMMENT ON TABLE api_client_version IS 'Every state that the registration of an API client ever had; the highest version holds.';
COMMENT ON COLUMN api_client_version.client_id IS 'Id of the client, chosen at registration and never given to another.';
COMMENT ON COLUMN api_client_version.version IS 'Counts from 1; of two changes made at once the second is refused.';
COMMENT ON COLUMN api_client_version.name IS 'What the client is, in words.';
COMMENT ON COLUMN api_client_version.organisation IS 'The organisation that answers for the client.';
COMMENT ON COLUMN api_client_version.status IS 'active, or disabled: no token is given to it, and none that it has is accepted.';
COMMENT ON COLUMN api_client_version.issuer IS 'The outside issuer whose tokens it uses; null: it gets its tokens here.';
COMMENT ON COLUMN api_client_version.jwks_url IS 'Where the client publishes its public keys; null: they are in `keys`.';
COMMENT ON COLUMN api_client_version.keys IS 'Its public keys as [{"jwk": …, "valid_from": …, "valid_to": … or null}].';
COMMENT ON COLUMN api_client_version.scopes IS 'The scopes that it may ask for.';
COMMENT ON COLUMN api_client_version.purposes IS 'The purposes of use that it may state, with those that they include.';
COMMENT ON COLUMN api_client_version.requests_per_second IS 'Requests a second that it may make in the long run, in each process of the service.';
COMMENT ON COLUMN api_client_version.burst IS 'Requests that it may make at once.';
COMMENT ON COLUMN api_client_version.not_found_per_minute IS 'Look-ups a minute that may find nothing before it has to wait.';
COMMENT ON COLUMN api_client_version.reason IS 'Why this version was made.';
COMMENT ON COLUMN api_client_version.changed_by IS 'Who made this version.';
COMMENT ON COLUMN api_client_version.changed_at IS 'When this version began to hold.';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON api_client_version
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE VIEW api_client AS
    SELECT DISTINCT ON (client_id) * FROM api_client_version ORDER BY client_id, version DESC;
COMMENT ON VIEW api_client IS 'The API clients as they are now.';

CREATE TABLE client_assertion_used (
    client_id  text COLLATE "C" NOT NULL,
    jti_sha256 bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, jti_sha256)
);
COMMENT ON TABLE client_assertion_used IS 'Client assertions that were exchanged for a token; shared by all processes, so that none is accepted twice.';
COMMENT ON COLUMN client_assertion_used.client_id IS 'The client that signed it.';
COMMENT ON COLUMN client_assertion_used.jti_sha256 IS 'SHA-256 of its `jti`.';
COMMENT ON COLUMN client_assertion_used.expires_at IS 'From when on it is refused for its age, and need not be remembered.';
CREATE INDEX client_assertion_used_by_age ON client_assertion_used (expires_at);
COMMENT ON INDEX client_assertion_used_by_age IS 'Finds what may be forgotten.';
