-- Packets that the medication process put together: what a token stands for, so that it can be asked what has changed.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';

CREATE TABLE packet (
    token_digest bytea PRIMARY KEY CHECK (length(token_digest) = 32),
    client_id    text COLLATE "C" NOT NULL,
    purpose      text COLLATE "C" NOT NULL,
    person_id    text COLLATE "C" REFERENCES person,
    records      jsonb NOT NULL,
    tasks        bigint[] NOT NULL,
    asked_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    CHECK (expires_at > asked_at)
);
COMMENT ON TABLE packet IS 'What the medication process was told at a moment, under a token that reveals nothing; never changed, and deleted once it has expired.';
COMMENT ON COLUMN packet.token_digest IS 'SHA-256 of the token, which is random and kept by the caller only.';
COMMENT ON COLUMN packet.client_id IS 'The client that asked; for any other the token means nothing.';
COMMENT ON COLUMN packet.purpose IS 'The purpose of use it was asked for.';
COMMENT ON COLUMN packet.person_id IS 'The child; empty where a review is pending on who it is.';
COMMENT ON COLUMN packet.records IS 'The pointers told, or one record of each child it may be: [[source, id, person then]].';
COMMENT ON COLUMN packet.tasks IS 'Questions to stewards about the child that were open and that the caller may know of.';
COMMENT ON COLUMN packet.asked_at IS 'When it was asked.';
COMMENT ON COLUMN packet.expires_at IS 'From when on the token is unknown.';
CREATE INDEX packet_by_expiry ON packet (expires_at);
COMMENT ON INDEX packet_by_expiry IS 'What has expired.';
