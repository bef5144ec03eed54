-- What linking one record at a time needs: blocking keys to find candidates by, and which persons are looked at together.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '30min';

CREATE TABLE record_key (
    record_id bigint PRIMARY KEY,  -- no foreign key: it follows from normalised_record and can be rebuilt
    version   integer NOT NULL,
    keys      bigint[] NOT NULL
);
COMMENT ON TABLE record_key IS 'The blocking keys of every record that is linked; two records that share one are candidates.';
COMMENT ON COLUMN record_key.record_id IS 'The record.';
COMMENT ON COLUMN record_key.version IS 'The version of the source record from which the keys were derived.';
COMMENT ON COLUMN record_key.keys IS 'Numbers of the keys of all rules: 64 bits of the MD5 of rule and key, in ascending order.';
CREATE INDEX record_key_by_key ON record_key USING gin (keys) WITH (fastupdate = off);
COMMENT ON INDEX record_key_by_key IS
    'Finds the candidates of a record; entries are not put off, so that no request pays for many others.';

CREATE TABLE person_component (
    person_id    text COLLATE "C" PRIMARY KEY REFERENCES person,
    component_id bigint NOT NULL
);
COMMENT ON TABLE person_component IS 'Persons that are not alone in their component: a change to one may move records of the others.';
COMMENT ON COLUMN person_component.person_id IS 'The person; one that is not named here makes a component by itself.';
COMMENT ON COLUMN person_component.component_id IS 'Number of the component: the smallest record_id in it when it was formed.';
CREATE INDEX person_component_by_component ON person_component (component_id);
COMMENT ON INDEX person_component_by_component IS 'The persons of a component.';

CREATE TABLE oversized_key (
    key     bigint PRIMARY KEY,
    rule    text NOT NULL,
    records bigint NOT NULL
);
COMMENT ON TABLE oversized_key IS 'Blocking keys that too many records shared at the last full relink: they make no candidates until the next.';
COMMENT ON COLUMN oversized_key.key IS 'Number of the key, as in record_key.';
COMMENT ON COLUMN oversized_key.rule IS 'The blocking rule.';
COMMENT ON COLUMN oversized_key.records IS 'Records that shared it.';

CREATE TABLE answered_write (
    idempotency_key text COLLATE "C" PRIMARY KEY,
    request_hash    bytea NOT NULL,
    status          integer NOT NULL,
    answer          jsonb NOT NULL,
    answered_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE answered_write IS 'Answers to writes that came with an Idempotency-Key, so that a repetition gets the same; kept for a day.';
COMMENT ON COLUMN answered_write.idempotency_key IS 'The key as the client chose it, behind the client''s name.';
COMMENT ON COLUMN answered_write.request_hash IS 'SHA-256 of method, path and body: another request under the same key is refused.';
COMMENT ON COLUMN answered_write.status IS 'HTTP status of the answer.';
COMMENT ON COLUMN answered_write.answer IS 'Body of the answer: ids and weights, no values of the record.';
COMMENT ON COLUMN answered_write.answered_at IS 'When it was answered.';
CREATE INDEX answered_write_by_age ON answered_write (answered_at);
COMMENT ON INDEX answered_write_by_age IS 'Finds what may be forgotten.';

CREATE INDEX review_item_by_right ON review_item (right_person_id) WHERE status = 'open';
COMMENT ON INDEX review_item_by_right IS 'The open questions about a person, where it stands second; the unique index finds it where it stands first.';

ALTER TABLE source_record_version ALTER COLUMN load_id DROP NOT NULL;
COMMENT ON COLUMN source_record_version.load_id IS 'The load that brought it; empty for a record that came over the API.';

CREATE INDEX run_full_by_number ON run (run_id) WHERE kind = 'full' AND status = 'published';
COMMENT ON INDEX run_full_by_number IS 'Finds the last full relink, which pinned the oversized keys, at every live request.';
