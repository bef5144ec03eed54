-- Webhooks: where clients are told of events, how far each has been told, and what could not be delivered.

CREATE TABLE webhook (
    webhook_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id   text COLLATE "C" NOT NULL,
    purpose     text COLLATE "C" NOT NULL,
    url         text NOT NULL,
    message_key bytea NOT NULL,
    added_by    text NOT NULL,
    added_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE webhook IS 'A receiver of a client: events that the client may learn of are posted there. Never changed.';
COMMENT ON COLUMN webhook.webhook_id IS 'Number of the webhook.';
COMMENT ON COLUMN webhook.client_id IS 'The client that is told; what it may learn is for the agreements to say, at every message.';
COMMENT ON COLUMN webhook.purpose IS 'Purpose of use under which it is told.';
COMMENT ON COLUMN webhook.url IS 'Where messages are posted: https, or http to this machine.';
COMMENT ON COLUMN webhook.message_key IS
    'Key from which ids of messages are made, sealed: the receiver could else number the events by trying.';
COMMENT ON COLUMN webhook.added_by IS 'Who added it.';
COMMENT ON COLUMN webhook.added_at IS 'When it was added.';

CREATE TABLE webhook_secret (
    secret_no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id   bigint NOT NULL REFERENCES webhook,
    sealed       bytea NOT NULL,
    former_until timestamptz NOT NULL,
    made_by      text NOT NULL,
    made_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX webhook_secret_of ON webhook_secret (webhook_id, secret_no DESC);
COMMENT ON TABLE webhook_secret IS 'The secrets that sign messages; the newest of a webhook holds, those before it for a time too.';
COMMENT ON COLUMN webhook_secret.secret_no IS 'Counts up.';
COMMENT ON COLUMN webhook_secret.webhook_id IS 'The webhook.';
COMMENT ON COLUMN webhook_secret.sealed IS 'The secret, sealed with a key that is not in the database.';
COMMENT ON COLUMN webhook_secret.former_until IS 'Until when messages are signed with the secrets before this one as well.';
COMMENT ON COLUMN webhook_secret.made_by IS 'Who had it made.';
COMMENT ON COLUMN webhook_secret.made_at IS 'When it was made.';
COMMENT ON INDEX webhook_secret_of IS 'Finds the newest secrets of a webhook.';

CREATE TABLE webhook_switch (
    switch_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id  bigint NOT NULL REFERENCES webhook,
    is_on       boolean NOT NULL,
    reason      text NOT NULL,
    switched_by text NOT NULL,
    switched_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX webhook_switch_of ON webhook_switch (webhook_id, switch_no DESC);
COMMENT ON TABLE webhook_switch IS 'Each time a webhook was switched on or off; the last one holds.';
COMMENT ON COLUMN webhook_switch.switch_no IS 'Counts up.';
COMMENT ON COLUMN webhook_switch.webhook_id IS 'The webhook.';
COMMENT ON COLUMN webhook_switch.is_on IS 'Whether messages are sent from then on; where it stands is kept.';
COMMENT ON COLUMN webhook_switch.reason IS 'Why.';
COMMENT ON COLUMN webhook_switch.switched_by IS 'Who switched it; the service itself, where the receiver was away for too long.';
COMMENT ON COLUMN webhook_switch.switched_at IS 'When.';
COMMENT ON INDEX webhook_switch_of IS 'Finds whether a webhook is on.';

CREATE TABLE webhook_progress (
    webhook_id            bigint PRIMARY KEY REFERENCES webhook,
    seq                   bigint NOT NULL,
    segregated_seq        bigint NOT NULL,
    looked_seq            bigint NOT NULL DEFAULT -1,
    looked_segregated_seq bigint NOT NULL DEFAULT -1,
    message_id            text COLLATE "C",
    failures              integer NOT NULL DEFAULT 0,
    refusals              integer NOT NULL DEFAULT 0,
    problem               text,
    next_attempt_at       timestamptz,
    delivered             bigint NOT NULL DEFAULT 0,
    delivered_at          timestamptz
);
COMMENT ON TABLE webhook_progress IS 'How far the receiver of a webhook has been told, and what stands in the way.';
COMMENT ON COLUMN webhook_progress.webhook_id IS 'The webhook.';
COMMENT ON COLUMN webhook_progress.seq IS 'Number of the event up to which everything was delivered, or may not be told.';
COMMENT ON COLUMN webhook_progress.segregated_seq IS 'The same among events of segregated records.';
COMMENT ON COLUMN webhook_progress.looked_seq IS 'Number of the last event when there was last nothing more to tell.';
COMMENT ON COLUMN webhook_progress.looked_segregated_seq IS 'The same among events of segregated records.';
COMMENT ON COLUMN webhook_progress.message_id IS 'The message that could not be delivered yet; empty: none was tried in vain.';
COMMENT ON COLUMN webhook_progress.failures IS 'How often in a row nobody received messages.';
COMMENT ON COLUMN webhook_progress.refusals IS 'How often the receiver refused this message.';
COMMENT ON COLUMN webhook_progress.problem IS 'What was in the way last: a status or a kind of error, no word of the receiver.';
COMMENT ON COLUMN webhook_progress.next_attempt_at IS 'When it is tried again; empty: at once.';
COMMENT ON COLUMN webhook_progress.delivered IS 'How many messages the receiver confirmed.';
COMMENT ON COLUMN webhook_progress.delivered_at IS 'When it last confirmed one.';

CREATE TABLE webhook_dead_letter (
    dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id     bigint NOT NULL REFERENCES webhook,
    message_id     text COLLATE "C" NOT NULL,
    is_segregated  boolean NOT NULL,
    seq            bigint NOT NULL,
    attempts       integer NOT NULL,
    problem        text NOT NULL,
    request_id     text COLLATE "C" NOT NULL,
    dead_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    asked_by       text,
    settled_how    text CHECK (settled_how IN ('delivered', 'no longer told')),
    settled_at     timestamptz
);
CREATE INDEX webhook_dead_letter_open ON webhook_dead_letter (webhook_id, dead_letter_id) WHERE settled_at IS NULL;
COMMENT ON TABLE webhook_dead_letter IS
    'Messages that a receiver refused until they were given up; the next ones were sent. Names the event and holds nothing of it.';
COMMENT ON COLUMN webhook_dead_letter.dead_letter_id IS 'Number of the dead letter.';
COMMENT ON COLUMN webhook_dead_letter.webhook_id IS 'The webhook.';
COMMENT ON COLUMN webhook_dead_letter.message_id IS 'The message.';
COMMENT ON COLUMN webhook_dead_letter.is_segregated IS 'Whether it is an event of segregated records, which are numbered apart.';
COMMENT ON COLUMN webhook_dead_letter.seq IS 'Number of the event.';
COMMENT ON COLUMN webhook_dead_letter.attempts IS 'How often it was refused.';
COMMENT ON COLUMN webhook_dead_letter.problem IS 'The last refusal: a status, no word of the receiver.';
COMMENT ON COLUMN webhook_dead_letter.request_id IS 'Request of the last attempt, as in the ledger.';
COMMENT ON COLUMN webhook_dead_letter.dead_at IS 'When it was given up.';
COMMENT ON COLUMN webhook_dead_letter.asked_by IS 'Who asked for it to be sent again; empty: nobody, or it was refused again.';
COMMENT ON COLUMN webhook_dead_letter.settled_how IS 'delivered, or no longer told: the agreements do not allow it any more.';
COMMENT ON COLUMN webhook_dead_letter.settled_at IS 'When.';
COMMENT ON INDEX webhook_dead_letter_open IS 'The letters that wait, of a webhook.';
