-- People who sign in to the workbench: their accounts and sessions, attempts under way, and what happened.
-- Tokens, states and names typed are kept as SHA-256 only.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';

CREATE TABLE account (
    account_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text COLLATE "C" NOT NULL UNIQUE,
    display_name    text NOT NULL,
    roles           text[] COLLATE "C" NOT NULL
                    CHECK (cardinality(roles) > 0)
                    CHECK (roles <@ ARRAY['steward', 'senior_steward', 'supervisor', 'auditor'] COLLATE "C")
                    CHECK (cardinality(roles) = 1 OR NOT 'auditor' = ANY (roles)),
    password_hash   text COLLATE "C",
    password_set_at timestamptz,
    issuer          text COLLATE "C",
    subject         text COLLATE "C",
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at     timestamptz,
    UNIQUE (issuer, subject),
    CHECK ((password_hash IS NULL) = (password_set_at IS NULL)),
    CHECK ((issuer IS NULL) = (subject IS NULL)),
    CHECK (issuer IS NULL OR password_hash IS NULL)
);
COMMENT ON TABLE account IS 'A person who may sign in to the workbench; disabled, never deleted, since decisions name it.';
COMMENT ON COLUMN account.account_id IS 'Number of the account.';
COMMENT ON COLUMN account.name IS 'The name to sign in with, in lower case; that of a provider''s person holds an @.';
COMMENT ON COLUMN account.display_name IS 'What the person is called on the pages.';
COMMENT ON COLUMN account.roles IS 'What the person may do: steward, senior_steward, supervisor; or auditor alone.';
COMMENT ON COLUMN account.password_hash IS 'Argon2id hash of the password with its parameters; empty: no password fits.';
COMMENT ON COLUMN account.password_set_at IS 'When the password was set.';
COMMENT ON COLUMN account.issuer IS 'The identity provider that vouches for the person; empty for a local account.';
COMMENT ON COLUMN account.subject IS 'The provider''s unchanging id of the person.';
COMMENT ON COLUMN account.created_at IS 'When the account was made.';
COMMENT ON COLUMN account.disabled_at IS 'Since when nobody can sign in to it.';
COMMENT ON INDEX account_name_key IS 'Finds an account by its name, and keeps names unique.';
COMMENT ON INDEX account_issuer_subject_key IS 'Finds the account of a provider''s person, who has one.';

CREATE TABLE account_session (
    session_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash   bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    account_id   bigint NOT NULL REFERENCES account,
    agent        text NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    ended_why    text CHECK (ended_why IN (
                     'signed_out', 'signed_out_elsewhere', 'signed_in_again', 'idle', 'too_long', 'password_changed',
                     'disabled', 'roles_withdrawn')),
    CHECK ((ended_at IS NULL) = (ended_why IS NULL))
);
COMMENT ON TABLE account_session IS 'From a sign-in to its end; removed ninety days after it could last no longer.';
COMMENT ON COLUMN account_session.session_id IS 'Number of the session.';
COMMENT ON COLUMN account_session.token_hash IS 'SHA-256 of the token that the browser holds; the token itself is not kept.';
COMMENT ON COLUMN account_session.account_id IS 'Whose session it is.';
COMMENT ON COLUMN account_session.agent IS 'Browser and system in a few words, so that the person knows the session again.';
COMMENT ON COLUMN account_session.started_at IS 'When the person signed in.';
COMMENT ON COLUMN account_session.last_seen_at IS 'When it was last used, to within half a minute.';
COMMENT ON COLUMN account_session.expires_at IS 'When it ends however much it is used.';
COMMENT ON COLUMN account_session.ended_at IS 'When it was ended, or found to be over.';
COMMENT ON COLUMN account_session.ended_why IS 'Why it ended.';
COMMENT ON INDEX account_session_token_hash_key IS 'Finds the session of a request.';
CREATE INDEX account_session_open ON account_session (account_id) WHERE ended_at IS NULL;
COMMENT ON INDEX account_session_open IS 'The sessions of a person, to show and to end.';

CREATE TABLE sign_in_hold (
    name_hash       bytea PRIMARY KEY CHECK (octet_length(name_hash) = 32),
    attempts        integer NOT NULL,
    last_attempt_at timestamptz NOT NULL,
    held_until      timestamptz NOT NULL
);
COMMENT ON TABLE sign_in_hold IS 'Names under which signing in failed within a day, whether there is such an account or not.';
COMMENT ON COLUMN sign_in_hold.name_hash IS 'SHA-256 of the name as typed: it may be no name but a password in the wrong field.';
COMMENT ON COLUMN sign_in_hold.attempts IS 'Failures in a row.';
COMMENT ON COLUMN sign_in_hold.last_attempt_at IS 'When the last was.';
COMMENT ON COLUMN sign_in_hold.held_until IS 'Until when further attempts are not looked at.';

CREATE TABLE provider_sign_in (
    browser_hash  bytea PRIMARY KEY CHECK (octet_length(browser_hash) = 32),
    state_hash    bytea NOT NULL CHECK (octet_length(state_hash) = 32),
    nonce         text NOT NULL,
    code_verifier text NOT NULL,
    wanted        text NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE provider_sign_in IS 'Browsers sent to the identity provider that have not come back yet; ten minutes at most.';
COMMENT ON COLUMN provider_sign_in.browser_hash IS 'SHA-256 of a token that only this browser holds.';
COMMENT ON COLUMN provider_sign_in.state_hash IS 'SHA-256 of the state that the provider must give back.';
COMMENT ON COLUMN provider_sign_in.nonce IS 'What the identity token must repeat.';
COMMENT ON COLUMN provider_sign_in.code_verifier IS 'What proves that the code is redeemed by who asked for it (PKCE).';
COMMENT ON COLUMN provider_sign_in.wanted IS 'The page to go on to, a path of the workbench.';
COMMENT ON COLUMN provider_sign_in.started_at IS 'When the browser was sent away.';

CREATE TABLE account_event (
    event_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind       text NOT NULL CHECK (kind IN (
                   'account_added', 'signed_in', 'sign_in_failed', 'locked_out', 'sign_in_refused', 'signed_out',
                   'signed_out_everywhere', 'session_ended', 'session_timed_out', 'password_set',
                   'password_change_failed', 'roles_set', 'disabled', 'enabled')),
    account_id bigint REFERENCES account,
    session_id bigint,
    detail     jsonb NOT NULL
);
COMMENT ON TABLE account_event IS 'What happened to accounts and at sign-in; never changed.';
COMMENT ON COLUMN account_event.event_id IS 'Number of the event, in their order.';
COMMENT ON COLUMN account_event.at IS 'When it happened.';
COMMENT ON COLUMN account_event.kind IS 'What happened.';
COMMENT ON COLUMN account_event.account_id IS 'Whose account; empty where the name that was typed has none.';
COMMENT ON COLUMN account_event.session_id IS 'The session, which may be removed by now.';
COMMENT ON COLUMN account_event.detail IS 'What else there is to say: roles, seconds, a reason; never what was typed.';
CREATE INDEX account_event_by_account ON account_event (account_id, event_id DESC);
COMMENT ON INDEX account_event_by_account IS 'The last events of an account.';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON account_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON account
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
