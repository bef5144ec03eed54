-- name: add_account
-- A new account; nothing where the name, or the provider's subject, has one already.
INSERT INTO account (name, display_name, roles, password_hash, password_set_at, issuer, subject)
VALUES (
    %(name)s, %(display_name)s, %(roles)s, %(password_hash)s,
    CASE WHEN %(password_hash)s::text IS NOT NULL THEN clock_timestamp() END, %(issuer)s, %(subject)s
)
ON CONFLICT DO NOTHING
RETURNING account_id

-- name: accounts
-- All accounts by name, with when each was last signed in to.
SELECT
    a.account_id, a.name, a.display_name, a.roles, a.password_hash, a.password_set_at, a.issuer, a.created_at,
    a.disabled_at,
    (SELECT max(e.at) FROM account_event e WHERE e.account_id = a.account_id AND e.kind = 'signed_in')
        AS last_signed_in_at
FROM account a
ORDER BY a.name

-- name: account_by_name
-- The account of a name.
SELECT account_id, name, display_name, roles, password_hash, password_set_at, issuer, created_at, disabled_at,
    NULL::timestamptz AS last_signed_in_at
FROM account WHERE name = %(name)s

-- name: account_by_subject
-- The account of a person whom an identity provider vouches for.
SELECT account_id, name, display_name, roles, password_hash, password_set_at, issuer, created_at, disabled_at,
    NULL::timestamptz AS last_signed_in_at
FROM account WHERE issuer = %(issuer)s AND subject = %(subject)s

-- name: set_password
-- Another password for an account.
UPDATE account SET password_hash = %(password_hash)s, password_set_at = clock_timestamp()
WHERE account_id = %(account_id)s AND issuer IS NULL

-- name: hold_password
-- Whether the account still has this password and is not disabled; neither changes until the transaction ends.
SELECT true FROM account
WHERE account_id = %(account_id)s AND password_hash = %(password_hash)s AND disabled_at IS NULL
FOR SHARE

-- name: renew_password_hash
-- The same password hashed with today's parameters, unless another password was set meanwhile.
UPDATE account SET password_hash = %(password_hash)s
WHERE account_id = %(account_id)s AND password_hash = %(old_hash)s

-- name: set_roles
-- What the person of an account may do from now on; nothing where it is so already.
UPDATE account SET roles = %(roles)s WHERE account_id = %(account_id)s AND roles <> %(roles)s::text[]

-- name: set_display_name
-- What the person of an account is called on the pages; nothing where it is so already.
UPDATE account SET display_name = %(display_name)s
WHERE account_id = %(account_id)s AND display_name <> %(display_name)s

-- name: disable
-- Nobody can sign in to the account; nothing where it is so already.
UPDATE account SET disabled_at = clock_timestamp() WHERE account_id = %(account_id)s AND disabled_at IS NULL

-- name: enable
-- Its person can sign in again; nothing where it is so already.
UPDATE account SET disabled_at = NULL WHERE account_id = %(account_id)s AND disabled_at IS NOT NULL

-- name: count_attempt
-- Counts an attempt to sign in under a name as failed before it is looked at, so that guesses sent at once are counted
-- one by one; nothing while the name is held. Attempts a day apart are not added up.
INSERT INTO sign_in_hold AS h (name_hash, attempts, last_attempt_at, held_until)
VALUES (%(name_hash)s, 1, clock_timestamp(), clock_timestamp())
ON CONFLICT (name_hash) DO UPDATE SET
    attempts = CASE WHEN h.last_attempt_at < clock_timestamp() - interval '1 day' THEN 1 ELSE h.attempts + 1 END,
    last_attempt_at = clock_timestamp(),
    held_until = clock_timestamp() + CASE
        WHEN h.last_attempt_at < clock_timestamp() - interval '1 day' OR h.attempts + 1 < %(free)s THEN interval '0'
        ELSE least(%(first_hold)s * 2 ^ least(h.attempts + 1 - %(free)s, 20), %(longest_hold)s::interval)
    END
WHERE h.held_until <= clock_timestamp()
RETURNING attempts, extract(epoch FROM held_until - last_attempt_at)::double precision AS hold_s

-- name: hold_left
-- Seconds for which a name is still held.
SELECT extract(epoch FROM held_until - clock_timestamp())::double precision
FROM sign_in_hold WHERE name_hash = %(name_hash)s

-- name: clear_attempts
-- A success: what failed before under this name no longer counts.
DELETE FROM sign_in_hold WHERE name_hash = %(name_hash)s

-- name: forget_old_attempts
-- Attempts that no longer count.
DELETE FROM sign_in_hold WHERE last_attempt_at < clock_timestamp() - interval '1 day'

-- name: start_session
-- A session begins.
INSERT INTO account_session (token_hash, account_id, agent, expires_at)
VALUES (%(token_hash)s, %(account_id)s, %(agent)s, clock_timestamp() + %(longest)s::interval)
RETURNING session_id

-- name: session
-- The session of a token, whoever's, with what its account allows now and how it stands at this moment.
SELECT
    s.session_id, s.account_id, a.name, a.display_name, a.roles, a.issuer IS NULL AS is_local, s.agent, s.started_at,
    s.last_seen_at, s.expires_at,
    least(s.last_seen_at + %(idle)s::interval, s.expires_at) AS ends_at,
    extract(epoch FROM least(s.last_seen_at + %(idle)s::interval, s.expires_at) - clock_timestamp())::double precision
        AS left_s,
    extract(epoch FROM s.expires_at - clock_timestamp())::double precision AS longest_left_s,
    extract(epoch FROM clock_timestamp() - s.last_seen_at)::double precision AS unseen_s,
    s.ended_at IS NOT NULL OR a.disabled_at IS NOT NULL AS is_over
FROM account_session s JOIN account a USING (account_id)
WHERE s.token_hash = %(token_hash)s

-- name: touch_session
-- The session was used just now.
UPDATE account_session SET last_seen_at = clock_timestamp()
WHERE session_id = %(session_id)s AND ended_at IS NULL

-- name: replace_token
-- The session goes on under another token.
UPDATE account_session SET token_hash = %(new_hash)s WHERE token_hash = %(old_hash)s AND ended_at IS NULL

-- name: end_session
-- One session ends; nothing where it has ended already or is another account's.
UPDATE account_session SET ended_at = clock_timestamp(), ended_why = %(why)s
WHERE session_id = %(session_id)s AND account_id = %(account_id)s AND ended_at IS NULL

-- name: end_sessions
-- All sessions of an account end, except one if that is named.
UPDATE account_session SET ended_at = clock_timestamp(), ended_why = %(why)s
WHERE account_id = %(account_id)s AND ended_at IS NULL AND session_id IS DISTINCT FROM %(except_session)s

-- name: open_sessions
-- The sessions of an account that go on, the last used first.
SELECT session_id, agent, started_at, last_seen_at
FROM account_session
WHERE account_id = %(account_id)s AND ended_at IS NULL
    AND expires_at > clock_timestamp() AND last_seen_at > clock_timestamp() - %(idle)s::interval
ORDER BY last_seen_at DESC, session_id DESC

-- name: forget_old_sessions
-- Sessions that ended long ago; what happened in them stays in the events.
DELETE FROM account_session WHERE expires_at < clock_timestamp() - interval '90 days'

-- name: keep_provider_sign_in
-- Somebody was sent to the identity provider; what must come back with them.
INSERT INTO provider_sign_in (browser_hash, state_hash, nonce, code_verifier, wanted)
VALUES (%(browser_hash)s, %(state_hash)s, %(nonce)s, %(code_verifier)s, %(wanted)s)

-- name: take_provider_sign_in
-- Somebody came back from the identity provider: what was kept, once.
DELETE FROM provider_sign_in
WHERE browser_hash = %(browser_hash)s
RETURNING state_hash, nonce, code_verifier, wanted, started_at > clock_timestamp() - interval '10 minutes' AS in_time

-- name: forget_old_provider_sign_ins
-- Who did not come back in time.
DELETE FROM provider_sign_in WHERE started_at < clock_timestamp() - interval '10 minutes'

-- name: add_event
-- Something happened to an account, or to a name that has none.
INSERT INTO account_event (kind, account_id, session_id, detail)
VALUES (%(kind)s, %(account_id)s, %(session_id)s, %(detail)s)

-- name: events
-- The last events of an account, the newest first.
SELECT kind, at, session_id, detail
FROM account_event
WHERE account_id = %(account_id)s
ORDER BY event_id DESC
LIMIT %(limit)s
