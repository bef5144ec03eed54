-- The first schema: facts (loads, versions of source records, judgements), what follows from them (normalised records,
-- persons, memberships, events, reviews), and the runs and models by which it follows.
-- Text that is compared for equality or order carries COLLATE "C": ids are case-sensitive bytes, not words.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';


------------------------------------------------------------------------------------------------------------- facts

CREATE TABLE load (
    load_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text COLLATE "C" NOT NULL,
    file_name   text NOT NULL,
    file_sha256 text NOT NULL,
    status      text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'finished', 'failed')),
    counts      jsonb NOT NULL DEFAULT '{}',
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    CHECK ((status = 'running') = (finished_at IS NULL))
);
COMMENT ON TABLE load IS 'One reading of one file of one source.';
COMMENT ON COLUMN load.load_id IS 'Number of the load.';
COMMENT ON COLUMN load.source IS 'Source system whose extract was read.';
COMMENT ON COLUMN load.file_name IS 'Name of the file without its folder.';
COMMENT ON COLUMN load.file_sha256 IS 'SHA-256 of the file in hexadecimal: tells whether the same file came before.';
COMMENT ON COLUMN load.status IS 'running, finished or failed; batches committed before a failure stay.';
COMMENT ON COLUMN load.counts IS 'Rows read, new, changed, unchanged, outdated, withdrawn, rejected.';
COMMENT ON COLUMN load.started_at IS 'When reading began.';
COMMENT ON COLUMN load.finished_at IS 'When reading ended, well or not.';

CREATE INDEX load_by_source ON load (source, started_at DESC);
COMMENT ON INDEX load_by_source IS 'The last loads of a source, and whether this file was loaded before.';

CREATE TABLE load_field_quality (
    load_id     bigint NOT NULL REFERENCES load,
    field       text COLLATE "C" NOT NULL,
    records     bigint NOT NULL,
    filled      bigint NOT NULL,
    placeholder bigint NOT NULL,
    rejected    bigint NOT NULL,
    PRIMARY KEY (load_id, field)
);
COMMENT ON TABLE load_field_quality IS 'How well each canonical field of a load was filled.';
COMMENT ON COLUMN load_field_quality.load_id IS 'The load.';
COMMENT ON COLUMN load_field_quality.field IS 'The canonical field.';
COMMENT ON COLUMN load_field_quality.records IS 'Records in the load.';
COMMENT ON COLUMN load_field_quality.filled IS 'Records with any value in the field.';
COMMENT ON COLUMN load_field_quality.placeholder IS 'Records whose value stands for "not known", such as a dummy number.';
COMMENT ON COLUMN load_field_quality.rejected IS 'Records whose value cannot be what the field means.';

CREATE TABLE source_record (
    record_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source           text COLLATE "C" NOT NULL,
    source_record_id text COLLATE "C" NOT NULL,
    current_version  integer NOT NULL,
    last_version     integer NOT NULL,
    content_hash     bytea NOT NULL,
    record_date      text COLLATE "C",
    withdrawn        boolean NOT NULL,
    UNIQUE (source, source_record_id)
);
COMMENT ON TABLE source_record IS 'The head of each source record: its key, and which of its versions holds.';
COMMENT ON COLUMN source_record.record_id IS 'Our number for the record, stable for ever.';
COMMENT ON COLUMN source_record.source IS 'Source system.';
COMMENT ON COLUMN source_record.source_record_id IS 'The record''s id in that system: opaque, case-sensitive.';
COMMENT ON COLUMN source_record.current_version IS 'The version that holds.';
COMMENT ON COLUMN source_record.last_version IS 'The highest version number given out; differs after an outdated version came.';
COMMENT ON COLUMN source_record.content_hash IS 'SHA-256 of the canonical values that hold: an equal one changes nothing.';
COMMENT ON COLUMN source_record.record_date IS 'The source''s own date of the version that holds; an older one does not replace it.';
COMMENT ON COLUMN source_record.withdrawn IS 'The source has withdrawn the record (it came with `deleted`).';
COMMENT ON INDEX source_record_source_source_record_id_key IS 'Finds a record by its key, and keeps the key unique.';

CREATE TABLE source_record_version (
    record_id     bigint NOT NULL REFERENCES source_record,
    version       integer NOT NULL,
    source_values jsonb NOT NULL,
    content_hash  bytea NOT NULL,
    deleted       boolean NOT NULL,
    load_id       bigint NOT NULL,  -- no foreign key: checking it for every row costs a fifth of loading
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (record_id, version)
);
COMMENT ON TABLE source_record_version IS 'Everything a source ever said of a record; never changed, never deleted.';
COMMENT ON COLUMN source_record_version.record_id IS 'The record.';
COMMENT ON COLUMN source_record_version.version IS 'Counts from 1 in the order of arrival.';
COMMENT ON COLUMN source_record_version.source_values IS 'Canonical field to value, in the source''s own spelling.';
COMMENT ON COLUMN source_record_version.content_hash IS 'SHA-256 of the values and of `deleted`.';
COMMENT ON COLUMN source_record_version.deleted IS 'This version withdrew the record.';
COMMENT ON COLUMN source_record_version.load_id IS 'The load that brought it.';
COMMENT ON COLUMN source_record_version.recorded_at IS 'When we recorded it.';

CREATE TABLE judgement (
    judgement_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind                   text NOT NULL CHECK (kind IN ('same', 'different')),
    left_source            text COLLATE "C" NOT NULL,
    left_source_record_id  text COLLATE "C" NOT NULL,
    right_source           text COLLATE "C" NOT NULL,
    right_source_record_id text COLLATE "C" NOT NULL,
    reason                 text NOT NULL,
    decided_by             text NOT NULL,
    decided_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((left_source, left_source_record_id) < (right_source, right_source_record_id))
);
COMMENT ON TABLE judgement IS 'What a steward or a court said of two records: one person, or two; never changed.';
COMMENT ON COLUMN judgement.judgement_id IS 'Number of the judgement.';
COMMENT ON COLUMN judgement.kind IS 'same: they must be one person; different: they must never be.';
COMMENT ON COLUMN judgement.left_source IS 'Source of the record whose key comes first.';
COMMENT ON COLUMN judgement.left_source_record_id IS 'Id of the record whose key comes first.';
COMMENT ON COLUMN judgement.right_source IS 'Source of the other record.';
COMMENT ON COLUMN judgement.right_source_record_id IS 'Id of the other record.';
COMMENT ON COLUMN judgement.reason IS 'Why, in the steward''s words.';
COMMENT ON COLUMN judgement.decided_by IS 'Who decided.';
COMMENT ON COLUMN judgement.decided_at IS 'When it was decided.';

CREATE INDEX judgement_by_left ON judgement (left_source, left_source_record_id);
COMMENT ON INDEX judgement_by_left IS 'Judgements that name a record first.';
CREATE INDEX judgement_by_right ON judgement (right_source, right_source_record_id);
COMMENT ON INDEX judgement_by_right IS 'Judgements that name a record second.';

CREATE TABLE judgement_undone (
    judgement_id bigint PRIMARY KEY REFERENCES judgement,
    reason       text NOT NULL,
    undone_by    text NOT NULL,
    undone_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE judgement_undone IS 'That a judgement no longer holds; a fact of its own, so that both stay readable.';
COMMENT ON COLUMN judgement_undone.judgement_id IS 'The judgement that no longer holds.';
COMMENT ON COLUMN judgement_undone.reason IS 'Why it was undone.';
COMMENT ON COLUMN judgement_undone.undone_by IS 'Who undid it.';
COMMENT ON COLUMN judgement_undone.undone_at IS 'When it was undone.';

CREATE VIEW judgement_in_force AS
    SELECT j.* FROM judgement j WHERE NOT EXISTS (SELECT FROM judgement_undone u WHERE u.judgement_id = j.judgement_id);
COMMENT ON VIEW judgement_in_force IS 'The judgements that were not undone.';


-------------------------------------------------------------------------------------------- what follows from them

CREATE TABLE normalised_record (
    record_id          bigint PRIMARY KEY,  -- no foreign key: it follows from source_record and can be rebuilt
    version            integer NOT NULL,
    source             text COLLATE "C" NOT NULL,
    source_record_id   text COLLATE "C" NOT NULL,
    first_name         text,
    first_alternatives text[] NOT NULL,
    first_sound        text,
    middle_name        text,
    last_name          text,
    last_tokens        text[] NOT NULL,
    last_sound         text,
    name_key           text,
    suffix             text,
    birth_date         text,
    birth_year         integer,
    birth_month        integer,
    birth_day          integer,
    birth_estimated    boolean,
    sex                text,
    birth_order        integer,
    multiple_birth     boolean,
    ssn                text,
    cin                text,
    identifiers        text[] NOT NULL,
    identifier_types   text[] NOT NULL,
    mother_first       text,
    mother_last        text,
    guardian_first     text,
    guardian_last      text,
    address            text,
    house_number       text,
    street             text,
    zip                text,
    city               text,
    state              text,
    phone              text,
    email              text,
    case_id            text
);
COMMENT ON TABLE normalised_record IS 'The version that holds of each record not withdrawn, cleaned for matching; can be rebuilt.';
COMMENT ON COLUMN normalised_record.record_id IS 'The record.';
COMMENT ON COLUMN normalised_record.version IS 'The version of the source record that was normalised.';
COMMENT ON COLUMN normalised_record.source IS 'Source system, repeated here so that a relink reads one table.';
COMMENT ON COLUMN normalised_record.source_record_id IS 'Id in the source system, repeated for the same reason.';
COMMENT ON COLUMN normalised_record.first_name IS 'All given tokens, letters only.';
COMMENT ON COLUMN normalised_record.first_alternatives IS 'First name, its nickname roots, given names of aliases.';
COMMENT ON COLUMN normalised_record.first_sound IS 'Phonetic code of the first given token.';
COMMENT ON COLUMN normalised_record.middle_name IS 'Middle name.';
COMMENT ON COLUMN normalised_record.last_name IS 'All surname tokens, letters only.';
COMMENT ON COLUMN normalised_record.last_tokens IS 'Single surnames, those of aliases among them.';
COMMENT ON COLUMN normalised_record.last_sound IS 'Phonetic code of the surname.';
COMMENT ON COLUMN normalised_record.name_key IS 'First and last name in alphabetical order.';
COMMENT ON COLUMN normalised_record.suffix IS 'Generation suffix.';
COMMENT ON COLUMN normalised_record.birth_date IS 'Birth date, ISO, only when complete.';
COMMENT ON COLUMN normalised_record.birth_year IS 'Year of birth.';
COMMENT ON COLUMN normalised_record.birth_month IS 'Month of birth.';
COMMENT ON COLUMN normalised_record.birth_day IS 'Day of birth.';
COMMENT ON COLUMN normalised_record.birth_estimated IS 'The source says that the birth date is an estimate.';
COMMENT ON COLUMN normalised_record.sex IS 'f or m; other and unknown are no evidence.';
COMMENT ON COLUMN normalised_record.birth_order IS 'Place among the children of a multiple birth.';
COMMENT ON COLUMN normalised_record.multiple_birth IS 'Born as one of several.';
COMMENT ON COLUMN normalised_record.ssn IS 'Social security number, nine digits, structurally valid.';
COMMENT ON COLUMN normalised_record.cin IS 'Medi-Cal client index number.';
COMMENT ON COLUMN normalised_record.identifiers IS 'Other personal identifiers as type:value.';
COMMENT ON COLUMN normalised_record.identifier_types IS 'The types among the identifiers.';
COMMENT ON COLUMN normalised_record.mother_first IS 'Mother''s first name.';
COMMENT ON COLUMN normalised_record.mother_last IS 'Mother''s last name.';
COMMENT ON COLUMN normalised_record.guardian_first IS 'Guardian''s first name.';
COMMENT ON COLUMN normalised_record.guardian_last IS 'Guardian''s last name.';
COMMENT ON COLUMN normalised_record.address IS 'House number, street and unit in standard abbreviations.';
COMMENT ON COLUMN normalised_record.house_number IS 'House number.';
COMMENT ON COLUMN normalised_record.street IS 'Street without number.';
COMMENT ON COLUMN normalised_record.zip IS 'Five-digit zip code.';
COMMENT ON COLUMN normalised_record.city IS 'City.';
COMMENT ON COLUMN normalised_record.state IS 'State.';
COMMENT ON COLUMN normalised_record.phone IS 'Telephone number, ten digits.';
COMMENT ON COLUMN normalised_record.email IS 'E-mail address.';
COMMENT ON COLUMN normalised_record.case_id IS 'Case in the source system.';

CREATE TABLE record_to_link (
    record_id bigint PRIMARY KEY,  -- no foreign key: written with every record that a load brings
    version   integer NOT NULL
);
COMMENT ON TABLE record_to_link IS
    'Records new, changed or withdrawn since a relink last saw them; a load adds to it, a publication takes away. '
    'Without it, "changed since" would depend on clocks.';
COMMENT ON COLUMN record_to_link.record_id IS 'The record.';
COMMENT ON COLUMN record_to_link.version IS 'Its version that no relink has seen; a relink that saw an older one leaves the row.';

CREATE TABLE model (
    fingerprint text COLLATE "C" PRIMARY KEY,
    document    json NOT NULL,
    is_current  boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE model IS 'The models that relinks used, whole, so that any past answer can be explained.';
COMMENT ON COLUMN model.fingerprint IS 'Names the model; two models with one fingerprint are the same.';
COMMENT ON COLUMN model.document IS 'The model as readable JSON, text kept as it was (json, not jsonb).';
COMMENT ON COLUMN model.is_current IS 'The model that new records are linked with.';
COMMENT ON COLUMN model.created_at IS 'When it was stored.';
CREATE UNIQUE INDEX model_one_is_current ON model (is_current) WHERE is_current;
COMMENT ON INDEX model_one_is_current IS 'At most one model is current.';

CREATE TABLE run (
    run_id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind              text NOT NULL CHECK (kind IN ('full', 'changed', 'online', 'judgement')),
    status            text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'published', 'dry_run', 'failed')),
    model_fingerprint text COLLATE "C" REFERENCES model,
    policy            jsonb NOT NULL DEFAULT '{}',
    counts            jsonb NOT NULL DEFAULT '{}',
    timings           jsonb NOT NULL DEFAULT '{}',
    started_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at       timestamptz,
    CHECK ((status = 'running') = (finished_at IS NULL))
);
COMMENT ON TABLE run IS 'One linking: what it used, what it changed, how long it took.';
COMMENT ON COLUMN run.run_id IS 'Number of the run.';
COMMENT ON COLUMN run.kind IS 'full: all records; changed: only what changes touch; online: one record; judgement: one decision.';
COMMENT ON COLUMN run.status IS 'running, published, dry_run (looked only) or failed (nothing was published).';
COMMENT ON COLUMN run.model_fingerprint IS 'The model it used.';
COMMENT ON COLUMN run.policy IS 'The linkage policy it used.';
COMMENT ON COLUMN run.counts IS 'Records, candidate pairs, persons created, joined, split, retired, records moved.';
COMMENT ON COLUMN run.timings IS 'Stage to seconds.';
COMMENT ON COLUMN run.started_at IS 'When it began.';
COMMENT ON COLUMN run.finished_at IS 'When it ended.';

CREATE TABLE person (
    person_id   text COLLATE "C" PRIMARY KEY,
    created_at  timestamptz NOT NULL,
    retired_at  timestamptz,
    forwards_to text COLLATE "C" REFERENCES person,
    CHECK (forwards_to IS NULL OR retired_at IS NOT NULL),
    CHECK (forwards_to <> person_id)
);
COMMENT ON TABLE person IS 'Every person id ever given out; rows are never deleted, so that no id is used twice.';
COMMENT ON COLUMN person.person_id IS 'Random, with a check character; carries no meaning.';
COMMENT ON COLUMN person.created_at IS 'When the person was published first.';
COMMENT ON COLUMN person.retired_at IS 'When the id lost its last record.';
COMMENT ON COLUMN person.forwards_to IS 'The person that answers for a retired id; empty when all its records were withdrawn.';
CREATE INDEX person_by_survivor ON person (forwards_to) WHERE forwards_to IS NOT NULL;
COMMENT ON INDEX person_by_survivor IS 'The former ids of a person.';

CREATE TABLE membership (
    record_id   bigint NOT NULL REFERENCES source_record,
    person_id   text COLLATE "C" NOT NULL REFERENCES person,
    from_at     timestamptz NOT NULL,
    to_at       timestamptz,
    probability double precision,
    reason      text NOT NULL,
    run_id      bigint NOT NULL,  -- no foreign keys to run: checked for every row, they cost a fifth of publishing
    ended_run   bigint,
    PRIMARY KEY (record_id, from_at),
    CHECK (to_at > from_at),
    CHECK ((to_at IS NULL) = (ended_run IS NULL))
);
COMMENT ON TABLE membership IS 'Which person a record belonged to, from when to when, and why.';
COMMENT ON COLUMN membership.record_id IS 'The record.';
COMMENT ON COLUMN membership.person_id IS 'The person.';
COMMENT ON COLUMN membership.from_at IS 'When the membership was published.';
COMMENT ON COLUMN membership.to_at IS 'When it ended (that moment excluded); empty while it holds.';
COMMENT ON COLUMN membership.probability IS 'Probability, when it began, that the record belongs to the person.';
COMMENT ON COLUMN membership.reason IS 'Why it began.';
COMMENT ON COLUMN membership.run_id IS 'The run that began it.';
COMMENT ON COLUMN membership.ended_run IS 'The run that ended it.';
CREATE UNIQUE INDEX membership_one_holds ON membership (record_id) WHERE to_at IS NULL;
COMMENT ON INDEX membership_one_holds IS 'A record belongs to one person at a time; also finds it.';
CREATE INDEX membership_by_person ON membership (person_id, from_at);
COMMENT ON INDEX membership_by_person IS 'The records of a person, now or at any past time.';

CREATE TABLE identity_event (
    seq              bigint PRIMARY KEY,
    kind             text NOT NULL
                     CHECK (kind IN ('created', 'joined', 'added', 'moved', 'split', 'removed', 'retired')),
    person_id        text COLLATE "C" NOT NULL REFERENCES person,
    other_person_ids text[] NOT NULL,
    records          jsonb NOT NULL,
    run_id           bigint NOT NULL,
    at               timestamptz NOT NULL
);
COMMENT ON TABLE identity_event IS 'What became of persons, in one gapless sequence from which consumers resume; never changed.';
COMMENT ON COLUMN identity_event.seq IS 'Counts from 1 without a gap, in the order of publication.';
COMMENT ON COLUMN identity_event.kind IS
    'created: a new person with these records; split: these records left this person for a new one; '
    'joined: they came here from persons that retire into this one; moved: they came here from a person that lives on; '
    'added: records new to the index came here; removed: records were withdrawn; retired: the id has no records left.';
COMMENT ON COLUMN identity_event.person_id IS 'The person it is about.';
COMMENT ON COLUMN identity_event.other_person_ids IS 'The persons on the other side, sorted.';
COMMENT ON COLUMN identity_event.records IS 'Keys of the records concerned, as [[source, id], …], sorted.';
COMMENT ON COLUMN identity_event.run_id IS 'The run that published it.';
COMMENT ON COLUMN identity_event.at IS 'When it was published.';
CREATE INDEX identity_event_by_person ON identity_event (person_id, seq);
COMMENT ON INDEX identity_event_by_person IS 'The history of a person.';
CREATE INDEX identity_event_by_other_person ON identity_event USING gin (other_person_ids) WHERE other_person_ids <> '{}';
COMMENT ON INDEX identity_event_by_other_person IS 'The events in which a person is on the other side: where it came from.';

CREATE TABLE review_item (
    review_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    left_person_id  text COLLATE "C" NOT NULL REFERENCES person,
    right_person_id text COLLATE "C" NOT NULL REFERENCES person,
    weight_bits     double precision NOT NULL,
    pairs           integer NOT NULL,
    status          text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'decided', 'obsolete')),
    run_id          bigint NOT NULL REFERENCES run,
    created_at      timestamptz NOT NULL,
    closed_at       timestamptz,
    CHECK (left_person_id < right_person_id),
    CHECK ((status = 'open') = (closed_at IS NULL))
);
COMMENT ON TABLE review_item IS 'Two persons that may be one: neither clearly so nor clearly not; for a steward.';
COMMENT ON COLUMN review_item.review_id IS 'Number of the item.';
COMMENT ON COLUMN review_item.left_person_id IS 'The person whose id comes first.';
COMMENT ON COLUMN review_item.right_person_id IS 'The other person.';
COMMENT ON COLUMN review_item.weight_bits IS 'Average weight between their records, in bits; brought up to date while open.';
COMMENT ON COLUMN review_item.pairs IS 'Pairs of records that were scored between them.';
COMMENT ON COLUMN review_item.status IS 'open; decided by a steward; obsolete: a later run no longer asks.';
COMMENT ON COLUMN review_item.run_id IS 'The run that asked first.';
COMMENT ON COLUMN review_item.created_at IS 'When it was asked first.';
COMMENT ON COLUMN review_item.closed_at IS 'When it was decided or became obsolete.';
CREATE UNIQUE INDEX review_item_asked_once ON review_item (left_person_id, right_person_id) WHERE status = 'open';
COMMENT ON INDEX review_item_asked_once IS 'The same question is open once at most.';
CREATE INDEX review_item_by_weight ON review_item (weight_bits DESC) WHERE status = 'open';
COMMENT ON INDEX review_item_by_weight IS 'The queue: the strongest first.';


---------------------------------------------------------------------------------------------------- facts stay facts

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
COMMENT ON FUNCTION refuse_change() IS 'Keeps append-only tables from being changed, emptied or thinned.';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON source_record_version
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON judgement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON judgement_undone
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON identity_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON person
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
