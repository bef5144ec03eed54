-- name: add
-- A new webhook.
INSERT INTO webhook (client_id, purpose, url, message_key, added_by)
VALUES (%(client_id)s, %(purpose)s, %(url)s, %(message_key)s, %(who)s)
RETURNING webhook_id

-- name: begin
-- Where it begins: at a place, or with what happens from now on.
INSERT INTO webhook_progress (webhook_id, seq, segregated_seq)
SELECT %(webhook_id)s,
       coalesce(%(seq)s, (SELECT coalesce(max(seq), 0) FROM identity_event)),
       coalesce(%(segregated_seq)s, (SELECT coalesce(max(seq), 0) FROM segregated.event))

-- name: add_secret
-- A new secret; the one before it goes on signing for a time.
INSERT INTO webhook_secret (webhook_id, sealed, former_until, made_by)
VALUES (%(webhook_id)s, %(sealed)s, %(former_until)s, %(who)s)

-- name: switch
-- Switches a webhook on or off.
INSERT INTO webhook_switch (webhook_id, is_on, reason, switched_by)
VALUES (%(webhook_id)s, %(is_on)s, %(reason)s, %(who)s)

-- name: forget_failures
-- What stood in the way counts no longer: the next attempt is made at once.
UPDATE webhook_progress SET failures = 0, refusals = 0, problem = NULL, next_attempt_at = NULL
WHERE webhook_id = %(webhook_id)s

-- name: webhooks
-- All webhooks as they are, with how far their receivers have been told.
SELECT w.webhook_id, w.client_id, w.purpose, w.url, s.is_on, s.reason, s.switched_by, s.switched_at,
       p.delivered, p.delivered_at, p.failures + p.refusals, p.problem, p.next_attempt_at,
       (SELECT count(*) FROM webhook_dead_letter d WHERE d.webhook_id = w.webhook_id AND d.settled_at IS NULL)
FROM webhook w
JOIN webhook_progress p ON p.webhook_id = w.webhook_id
CROSS JOIN LATERAL (
    SELECT * FROM webhook_switch s WHERE s.webhook_id = w.webhook_id ORDER BY s.switch_no DESC LIMIT 1) s
ORDER BY w.webhook_id

-- name: due
-- Webhooks that are on, whose client may read events, and that may have something to be told: all, or one of them.
SELECT w.webhook_id, w.client_id, c.purposes, w.purpose, w.url, w.message_key,
       ARRAY(SELECT s.sealed FROM webhook_secret s
             WHERE s.webhook_id = w.webhook_id AND NOT EXISTS (
                 SELECT FROM webhook_secret l
                 WHERE l.webhook_id = w.webhook_id AND l.secret_no > s.secret_no AND l.former_until <= %(now)s)
             ORDER BY s.secret_no DESC),
       p.seq, p.segregated_seq, p.message_id, p.failures, p.refusals, n.seq, n.segregated_seq
FROM webhook w
JOIN webhook_progress p ON p.webhook_id = w.webhook_id
JOIN api_client c ON c.client_id = w.client_id AND c.status = 'active' AND 'index/events' = ANY (c.scopes)
CROSS JOIN (
    SELECT (SELECT coalesce(max(e.seq), 0) FROM identity_event e) AS seq,
           (SELECT coalesce(max(e.seq), 0) FROM segregated.event e) AS segregated_seq) n
WHERE (SELECT s.is_on FROM webhook_switch s WHERE s.webhook_id = w.webhook_id ORDER BY s.switch_no DESC LIMIT 1)
  AND (p.next_attempt_at IS NULL OR p.next_attempt_at <= %(now)s)
  AND (p.looked_seq < n.seq OR p.looked_segregated_seq < n.segregated_seq
       OR EXISTS (SELECT FROM webhook_dead_letter d
                  WHERE d.webhook_id = w.webhook_id AND d.settled_at IS NULL AND d.asked_by IS NOT NULL))
  AND (%(webhook_id)s::bigint IS NULL OR w.webhook_id = %(webhook_id)s)
ORDER BY w.webhook_id

-- name: nothing_more
-- There was nothing more to tell up to these numbers.
UPDATE webhook_progress
SET seq = %(seq)s, segregated_seq = %(segregated_seq)s,
    looked_seq = %(looked_seq)s, looked_segregated_seq = %(looked_segregated_seq)s
WHERE webhook_id = %(webhook_id)s

-- name: delivered
-- The receiver has confirmed a message: it has been told up to there.
UPDATE webhook_progress
SET seq = %(seq)s, segregated_seq = %(segregated_seq)s, message_id = NULL, failures = 0, refusals = 0, problem = NULL,
    next_attempt_at = NULL, delivered = delivered + 1, delivered_at = %(now)s
WHERE webhook_id = %(webhook_id)s

-- name: failed
-- A message was not received, or refused: when it is tried again.
UPDATE webhook_progress
SET message_id = %(message_id)s, failures = %(failures)s, refusals = %(refusals)s, problem = %(problem)s,
    next_attempt_at = %(next_attempt_at)s
WHERE webhook_id = %(webhook_id)s

-- name: postpone
-- Nothing was tried, for a reason of our own.
UPDATE webhook_progress SET problem = %(problem)s, next_attempt_at = %(until)s WHERE webhook_id = %(webhook_id)s

-- name: give_up
-- A message is put aside as a dead letter, and the next one's turn has come.
WITH letter AS (
    INSERT INTO webhook_dead_letter (webhook_id, message_id, is_segregated, seq, attempts, problem, request_id)
    VALUES (%(webhook_id)s, %(message_id)s, %(is_segregated)s, %(event_seq)s, %(attempts)s, %(problem)s, %(request_id)s)
    RETURNING webhook_id
)
UPDATE webhook_progress p
SET seq = %(seq)s, segregated_seq = %(segregated_seq)s, message_id = NULL, failures = 0, refusals = 0,
    problem = %(problem)s, next_attempt_at = NULL
FROM letter WHERE p.webhook_id = letter.webhook_id

-- name: dead_letters
-- Messages that were given up, those settled too if asked for.
SELECT d.dead_letter_id, d.webhook_id, w.client_id, d.message_id, d.is_segregated, d.seq, d.attempts, d.problem,
       d.request_id, d.dead_at, d.asked_by, d.settled_how, d.settled_at
FROM webhook_dead_letter d JOIN webhook w ON w.webhook_id = d.webhook_id
WHERE (%(settled_too)s OR d.settled_at IS NULL)
  AND (%(webhook_id)s::bigint IS NULL OR d.webhook_id = %(webhook_id)s)
ORDER BY d.dead_letter_id

-- name: ask_again
-- Dead letters shall be sent again.
UPDATE webhook_dead_letter SET asked_by = %(who)s
WHERE settled_at IS NULL AND dead_letter_id = ANY (%(letters)s)
RETURNING dead_letter_id

-- name: asked_letters
-- Dead letters of a webhook that shall be sent again.
SELECT d.dead_letter_id, d.webhook_id, %(client_id)s, d.message_id, d.is_segregated, d.seq, d.attempts, d.problem,
       d.request_id, d.dead_at, d.asked_by, d.settled_how, d.settled_at
FROM webhook_dead_letter d
WHERE d.webhook_id = %(webhook_id)s AND d.settled_at IS NULL AND d.asked_by IS NOT NULL
ORDER BY d.dead_letter_id

-- name: settle_letter
-- A dead letter was delivered after all, or may not be told any more.
UPDATE webhook_dead_letter SET settled_how = %(how)s, settled_at = %(now)s WHERE dead_letter_id = %(letter)s

-- name: refused_again
-- A dead letter was sent again, in vain.
UPDATE webhook_dead_letter
SET asked_by = NULL, attempts = attempts + 1, problem = %(problem)s, request_id = %(request_id)s
WHERE dead_letter_id = %(letter)s

-- name: take_sending
-- Whether this connection alone sends, from now until it ends.
SELECT pg_try_advisory_lock(%(lock)s)

-- name: give_back_sending
-- Before the connection is closed.
SELECT pg_advisory_unlock_all()
