-- What stewards are asked and what they say: tasks, judgements over parts of persons, second persons, ids that come back.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '30min';


-------------------------------------------------------------------------------------------------------- judgements

CREATE TABLE judgement_record (
    judgement_id     bigint NOT NULL REFERENCES judgement,
    source           text COLLATE "C" NOT NULL,
    source_record_id text COLLATE "C" NOT NULL,
    part             smallint NOT NULL CHECK (part >= 0),
    held             boolean NOT NULL,
    PRIMARY KEY (judgement_id, source, source_record_id),
    CHECK (part > 0 OR NOT held)
);
COMMENT ON TABLE judgement_record IS
    'The records that a judgement names, in parts. Records of different parts are different people, for ever: the key '
    'names them, whatever becomes of persons; never changed.';
COMMENT ON COLUMN judgement_record.judgement_id IS 'The judgement.';
COMMENT ON COLUMN judgement_record.source IS 'Source of the record.';
COMMENT ON COLUMN judgement_record.source_record_id IS 'Id of the record in its source.';
COMMENT ON COLUMN judgement_record.part IS 'Number of the part; 0: named as looked at, nothing is said of it.';
COMMENT ON COLUMN judgement_record.held IS 'The records of this part are one person.';
CREATE INDEX judgement_record_by_record ON judgement_record (source, source_record_id);
COMMENT ON INDEX judgement_record_by_record IS 'The judgements that name a record.';

INSERT INTO judgement_record (judgement_id, source, source_record_id, part, held)
SELECT judgement_id, left_source, left_source_record_id, 1, kind = 'same' FROM judgement
UNION ALL
SELECT judgement_id, right_source, right_source_record_id, CASE kind WHEN 'same' THEN 1 ELSE 2 END, kind = 'same'
FROM judgement;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON judgement_record
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

DROP VIEW judgement_in_force;
ALTER TABLE judgement
    DROP COLUMN left_source, DROP COLUMN left_source_record_id,
    DROP COLUMN right_source, DROP COLUMN right_source_record_id,
    DROP CONSTRAINT judgement_kind_check,
    ADD COLUMN task_id bigint,
    ADD COLUMN evidence jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN model_fingerprint text COLLATE "C",
    ADD COLUMN missing text,
    ADD COLUMN needs_second boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT judgement_kind_check CHECK (kind IN (
        'same', 'different', 'cannot_tell', 'split', 'move', 'detach', 'generic', 'note', 'ask_second'
    ));
COMMENT ON TABLE judgement IS 'What a steward or a court said; what it demands is in judgement_record; never changed.';
COMMENT ON COLUMN judgement.kind IS
    'same, different: of two persons. split: the records of part 1 are another person. move: those that leave are of the '
    'person they are held with. detach: the records of part 1 are not of this person. cannot_tell, generic, note, '
    'ask_second: nothing is demanded of a linking.';
COMMENT ON COLUMN judgement.task_id IS 'The task in which it was decided, if any.';
COMMENT ON COLUMN judgement.evidence IS 'What was known when it was decided: weight, versions of the records; no values.';
COMMENT ON COLUMN judgement.model_fingerprint IS 'The model by which the evidence was weighed.';
COMMENT ON COLUMN judgement.missing IS 'What would be needed to tell.';
COMMENT ON COLUMN judgement.needs_second IS 'It takes no effect before a second person has agreed.';

CREATE TABLE judgement_second (
    judgement_id bigint PRIMARY KEY REFERENCES judgement,
    agrees       boolean NOT NULL,
    reason       text NOT NULL,
    decided_by   text NOT NULL,
    decided_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE judgement_second IS 'What the second person said of a judgement that needs one; never changed.';
COMMENT ON COLUMN judgement_second.judgement_id IS 'The judgement.';
COMMENT ON COLUMN judgement_second.agrees IS 'Whether it takes effect.';
COMMENT ON COLUMN judgement_second.reason IS 'Why, in the second person''s words.';
COMMENT ON COLUMN judgement_second.decided_by IS 'The second person.';
COMMENT ON COLUMN judgement_second.decided_at IS 'When it was said.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON judgement_second
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE judgement_effect (
    judgement_id bigint PRIMARY KEY REFERENCES judgement,
    run_id       bigint NOT NULL
);
COMMENT ON TABLE judgement_effect IS 'The run by which a judgement took effect: undoing looks there for what was before; never changed.';
COMMENT ON COLUMN judgement_effect.judgement_id IS 'The judgement.';
COMMENT ON COLUMN judgement_effect.run_id IS 'The run.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON judgement_effect
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE VIEW judgement_in_force AS
    SELECT j.* FROM judgement j
    WHERE NOT EXISTS (SELECT FROM judgement_undone u WHERE u.judgement_id = j.judgement_id)
      AND (NOT j.needs_second
           OR EXISTS (SELECT FROM judgement_second s WHERE s.judgement_id = j.judgement_id AND s.agrees));
COMMENT ON VIEW judgement_in_force IS 'The judgements that were not undone, nor wait for a second person or were refused by one.';

CREATE TABLE generic_value (
    judgement_id bigint NOT NULL REFERENCES judgement,
    field        text COLLATE "C" NOT NULL,
    digest       text COLLATE "C" NOT NULL,
    PRIMARY KEY (judgement_id, field)
);
COMMENT ON TABLE generic_value IS
    'Values that a steward marked as shared by many people; the next model that is fitted takes them for no evidence.';
COMMENT ON COLUMN generic_value.judgement_id IS 'The judgement; the mark holds while it does.';
COMMENT ON COLUMN generic_value.field IS 'Column of the normalised record.';
COMMENT ON COLUMN generic_value.digest IS 'Digest of the value, as models keep it: the value itself is not repeated here.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON generic_value
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();


------------------------------------------------------------------------------------------------------------- tasks

DROP TABLE review_item;  -- questions follow from the partition: the next linking of their records asks them again

CREATE TABLE review_task (
    task_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN (
        'possible_duplicate', 'possible_overlay', 'identifier_conflict', 'possible_split', 'twin_or_sibling_alert'
    )),
    left_record_id  bigint NOT NULL,
    right_record_id bigint NOT NULL,
    left_person_id  text COLLATE "C" NOT NULL REFERENCES person,
    right_person_id text COLLATE "C" NOT NULL REFERENCES person,
    left_records    bigint[] NOT NULL,
    right_records   bigint[] NOT NULL,
    fields          text[] NOT NULL,
    weight_bits     double precision NOT NULL,
    pairs           integer NOT NULL,
    sources         text[] COLLATE "C" NOT NULL,
    in_care         boolean NOT NULL,
    due_on          date,
    due_why         text,
    status          text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'waiting', 'decided', 'closed')),
    closed_at       timestamptz,
    closed_why      text CHECK (closed_why IN (
        'decided', 'decided_elsewhere', 'now_one_person', 'now_apart', 'withdrawn', 'no_longer_in_doubt'
    )),
    judgement_id    bigint REFERENCES judgement,
    earlier_task_id bigint REFERENCES review_task,
    claimed_by      text,
    claimed_until   timestamptz,
    asked_senior    boolean NOT NULL DEFAULT false,
    version         integer NOT NULL DEFAULT 1,
    run_id          bigint NOT NULL REFERENCES run,
    created_at      timestamptz NOT NULL,
    CHECK ((status IN ('decided', 'closed')) = (closed_at IS NOT NULL)),
    CHECK ((closed_at IS NULL) = (closed_why IS NULL)),
    CHECK ((claimed_by IS NULL) = (claimed_until IS NULL)),
    CHECK (left_record_id <> right_record_id)
);
COMMENT ON TABLE review_task IS 'A question for a steward: are two sides one person? It follows from the partition.';
COMMENT ON COLUMN review_task.task_id IS 'Number of the task.';
COMMENT ON COLUMN review_task.kind IS
    'possible_duplicate: two persons may be one. twin_or_sibling_alert: two persons agree as twins or siblings do. '
    'identifier_conflict: one number on two persons, or two numbers on one. possible_overlay: one person shows two '
    'people. possible_split: a part is weakly held.';
COMMENT ON COLUMN review_task.left_record_id IS 'The oldest record of the left side: with kind and right it names the question, whatever ids persons have.';
COMMENT ON COLUMN review_task.right_record_id IS 'The oldest record of the right side.';
COMMENT ON COLUMN review_task.left_person_id IS 'The person of the left side, while the task is open.';
COMMENT ON COLUMN review_task.right_person_id IS 'The person of the right side; the same as the left where a part of one person may leave.';
COMMENT ON COLUMN review_task.left_records IS 'All records of the left side, ascending.';
COMMENT ON COLUMN review_task.right_records IS 'All records of the right side: the other person, or the part that may leave.';
COMMENT ON COLUMN review_task.fields IS 'Comparisons that raise the question: what contradicts, or which number is shared.';
COMMENT ON COLUMN review_task.weight_bits IS 'Weight in bits that both sides are one person; brought up to date while open.';
COMMENT ON COLUMN review_task.pairs IS 'Pairs of records that were weighed between the sides.';
COMMENT ON COLUMN review_task.sources IS 'Sources of the records of both sides, sorted.';
COMMENT ON COLUMN review_task.in_care IS 'A side is a child in care: it has a record of child welfare or of the juvenile court.';
COMMENT ON COLUMN review_task.due_on IS 'Court day by which an answer is needed.';
COMMENT ON COLUMN review_task.due_why IS 'What waits for the answer.';
COMMENT ON COLUMN review_task.status IS 'open; waiting for a second person; decided; closed by itself.';
COMMENT ON COLUMN review_task.closed_at IS 'When it was decided or closed.';
COMMENT ON COLUMN review_task.closed_why IS 'Why it was closed.';
COMMENT ON COLUMN review_task.judgement_id IS 'The decision, also one that waits for a second person.';
COMMENT ON COLUMN review_task.earlier_task_id IS 'The task in which the same question was decided before the evidence changed.';
COMMENT ON COLUMN review_task.claimed_by IS 'Who works on it.';
COMMENT ON COLUMN review_task.claimed_until IS 'When the claim ends by itself.';
COMMENT ON COLUMN review_task.asked_senior IS 'A steward asks a second one to look at it.';
COMMENT ON COLUMN review_task.version IS 'Counts changes of the question and of its state: who decides names the one that was seen.';
COMMENT ON COLUMN review_task.run_id IS 'The run that asked first.';
COMMENT ON COLUMN review_task.created_at IS 'When it was asked first.';

CREATE UNIQUE INDEX review_task_asked_once ON review_task (left_record_id, right_record_id, kind)
    WHERE status IN ('open', 'waiting');
COMMENT ON INDEX review_task_asked_once IS 'The same question is open once at most; also finds those about a record, where it stands first.';
CREATE INDEX review_task_by_right ON review_task (right_record_id) WHERE status IN ('open', 'waiting');
COMMENT ON INDEX review_task_by_right IS 'The open questions about a record, where it stands second.';
CREATE INDEX review_task_decided ON review_task (left_record_id, right_record_id, kind) WHERE status = 'decided';
COMMENT ON INDEX review_task_decided IS 'Whether a question was decided before.';
CREATE INDEX review_task_queue ON review_task
    (due_on, in_care DESC, cardinality(sources) DESC, abs(weight_bits), task_id) WHERE status IN ('open', 'waiting');
COMMENT ON INDEX review_task_queue IS 'The queue in its order.';
CREATE INDEX review_task_by_left_person ON review_task (left_person_id);
COMMENT ON INDEX review_task_by_left_person IS 'The questions about a person, where it stands first.';
CREATE INDEX review_task_by_right_person ON review_task (right_person_id);
COMMENT ON INDEX review_task_by_right_person IS 'The questions about a person, where it stands second.';
CREATE INDEX review_task_by_judgement ON review_task (judgement_id) WHERE judgement_id IS NOT NULL;
COMMENT ON INDEX review_task_by_judgement IS 'The task that a judgement decided.';
CREATE INDEX review_task_by_closing ON review_task (closed_at) WHERE closed_at IS NOT NULL;
COMMENT ON INDEX review_task_by_closing IS 'What was decided and closed lately.';

CREATE TABLE court_question (
    court_question_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source            text COLLATE "C" NOT NULL,
    source_record_id  text COLLATE "C" NOT NULL,
    matter            text NOT NULL,
    due_on            date NOT NULL,
    asked_by          text NOT NULL,
    asked_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    answered_at       timestamptz
);
COMMENT ON TABLE court_question IS 'A court or the medication process waits to know who a child is: tasks about the child come first.';
COMMENT ON COLUMN court_question.court_question_id IS 'Number of the question.';
COMMENT ON COLUMN court_question.source IS 'Source of a record of the child.';
COMMENT ON COLUMN court_question.source_record_id IS 'Id of that record.';
COMMENT ON COLUMN court_question.matter IS 'What waits: a form or file, no name.';
COMMENT ON COLUMN court_question.due_on IS 'Court day by which the answer is needed.';
COMMENT ON COLUMN court_question.asked_by IS 'Who asks.';
COMMENT ON COLUMN court_question.asked_at IS 'When it was asked.';
COMMENT ON COLUMN court_question.answered_at IS 'When it was answered, or no longer needed.';
CREATE INDEX court_question_pending ON court_question (source, source_record_id) WHERE answered_at IS NULL;
COMMENT ON INDEX court_question_pending IS 'Whether a court waits for an answer about a child.';


------------------------------------------------------------------------------------------------ ids that come back

CREATE TABLE person_retirement (
    person_id   text COLLATE "C" NOT NULL REFERENCES person,
    retired_at  timestamptz NOT NULL,
    forwards_to text COLLATE "C" REFERENCES person,
    revived_at  timestamptz NOT NULL,
    PRIMARY KEY (person_id, revived_at),
    CHECK (revived_at > retired_at)
);
COMMENT ON TABLE person_retirement IS
    'Times in which an id was retired by a judgement that was undone later; the retirement that holds is in person.';
COMMENT ON COLUMN person_retirement.person_id IS 'The id.';
COMMENT ON COLUMN person_retirement.retired_at IS 'When it retired.';
COMMENT ON COLUMN person_retirement.forwards_to IS 'Who answered for it.';
COMMENT ON COLUMN person_retirement.revived_at IS 'When the judgement was undone and its records came back.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON person_retirement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE identity_event DROP CONSTRAINT identity_event_kind_check;
ALTER TABLE identity_event ADD CONSTRAINT identity_event_kind_check
    CHECK (kind IN ('created', 'joined', 'added', 'moved', 'split', 'removed', 'retired', 'revived'));
COMMENT ON COLUMN identity_event.kind IS
    'created: a new person with these records; split: these records left this person for a new one; '
    'joined: they came here from persons that retire into this one; moved: they came here from a person that lives on; '
    'added: records new to the index came here; removed: records were withdrawn; retired: the id has no records left; '
    'revived: a judgement was undone, and these records came back to an id that it had retired.';
