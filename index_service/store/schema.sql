-- The schema as the migrations leave it, to read; written by the tests, never applied.
CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

COMMENT ON FUNCTION public.refuse_change() IS 'Keeps append-only tables from being changed, emptied or thinned.';

CREATE TABLE public.identity_event (
    seq bigint NOT NULL,
    kind text NOT NULL,
    person_id text NOT NULL COLLATE pg_catalog."C",
    other_person_ids text[] NOT NULL,
    records jsonb NOT NULL,
    run_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT identity_event_kind_check CHECK ((kind = ANY (ARRAY['created'::text, 'joined'::text, 'added'::text, 'moved'::text, 'split'::text, 'removed'::text, 'retired'::text])))
);

COMMENT ON TABLE public.identity_event IS 'What became of persons, in one gapless sequence from which consumers resume; never changed.';

COMMENT ON COLUMN public.identity_event.seq IS 'Counts from 1 without a gap, in the order of publication.';

COMMENT ON COLUMN public.identity_event.kind IS 'created: a new person with these records; split: these records left this person for a new one; joined: they came here from persons that retire into this one; moved: they came here from a person that lives on; added: records new to the index came here; removed: records were withdrawn; retired: the id has no records left.';

COMMENT ON COLUMN public.identity_event.person_id IS 'The person it is about.';

COMMENT ON COLUMN public.identity_event.other_person_ids IS 'The persons on the other side, sorted.';

COMMENT ON COLUMN public.identity_event.records IS 'Keys of the records concerned, as [[source, id], …], sorted.';

COMMENT ON COLUMN public.identity_event.run_id IS 'The run that published it.';

COMMENT ON COLUMN public.identity_event.at IS 'When it was published.';

CREATE TABLE public.judgement (
    judgement_id bigint NOT NULL,
    kind text NOT NULL,
    left_source text NOT NULL COLLATE pg_catalog."C",
    left_source_record_id text NOT NULL COLLATE pg_catalog."C",
    right_source text NOT NULL COLLATE pg_catalog."C",
    right_source_record_id text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT judgement_check CHECK ((ROW(left_source, left_source_record_id) < ROW(right_source, right_source_record_id))),
    CONSTRAINT judgement_kind_check CHECK ((kind = ANY (ARRAY['same'::text, 'different'::text])))
);

COMMENT ON TABLE public.judgement IS 'What a steward or a court said of two records: one person, or two; never changed.';

COMMENT ON COLUMN public.judgement.judgement_id IS 'Number of the judgement.';

COMMENT ON COLUMN public.judgement.kind IS 'same: they must be one person; different: they must never be.';

COMMENT ON COLUMN public.judgement.left_source IS 'Source of the record whose key comes first.';

COMMENT ON COLUMN public.judgement.left_source_record_id IS 'Id of the record whose key comes first.';

COMMENT ON COLUMN public.judgement.right_source IS 'Source of the other record.';

COMMENT ON COLUMN public.judgement.right_source_record_id IS 'Id of the other record.';

COMMENT ON COLUMN public.judgement.reason IS 'Why, in the steward''s words.';

COMMENT ON COLUMN public.judgement.decided_by IS 'Who decided.';

COMMENT ON COLUMN public.judgement.decided_at IS 'When it was decided.';

CREATE TABLE public.judgement_undone (
    judgement_id bigint NOT NULL,
    reason text NOT NULL,
    undone_by text NOT NULL,
    undone_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.judgement_undone IS 'That a judgement no longer holds; a fact of its own, so that both stay readable.';

COMMENT ON COLUMN public.judgement_undone.judgement_id IS 'The judgement that no longer holds.';

COMMENT ON COLUMN public.judgement_undone.reason IS 'Why it was undone.';

COMMENT ON COLUMN public.judgement_undone.undone_by IS 'Who undid it.';

COMMENT ON COLUMN public.judgement_undone.undone_at IS 'When it was undone.';

CREATE VIEW public.judgement_in_force AS
 SELECT j.judgement_id,
    j.kind,
    j.left_source,
    j.left_source_record_id,
    j.right_source,
    j.right_source_record_id,
    j.reason,
    j.decided_by,
    j.decided_at
   FROM public.judgement j
  WHERE (NOT (EXISTS ( SELECT
           FROM public.judgement_undone u
          WHERE (u.judgement_id = j.judgement_id))));

COMMENT ON VIEW public.judgement_in_force IS 'The judgements that were not undone.';

ALTER TABLE public.judgement ALTER COLUMN judgement_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.judgement_judgement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.load (
    load_id bigint NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    file_name text NOT NULL,
    file_sha256 text NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT load_check CHECK (((status = 'running'::text) = (finished_at IS NULL))),
    CONSTRAINT load_status_check CHECK ((status = ANY (ARRAY['running'::text, 'finished'::text, 'failed'::text])))
);

COMMENT ON TABLE public.load IS 'One reading of one file of one source.';

COMMENT ON COLUMN public.load.load_id IS 'Number of the load.';

COMMENT ON COLUMN public.load.source IS 'Source system whose extract was read.';

COMMENT ON COLUMN public.load.file_name IS 'Name of the file without its folder.';

COMMENT ON COLUMN public.load.file_sha256 IS 'SHA-256 of the file in hexadecimal: tells whether the same file came before.';

COMMENT ON COLUMN public.load.status IS 'running, finished or failed; batches committed before a failure stay.';

COMMENT ON COLUMN public.load.counts IS 'Rows read, new, changed, unchanged, outdated, withdrawn, rejected.';

COMMENT ON COLUMN public.load.started_at IS 'When reading began.';

COMMENT ON COLUMN public.load.finished_at IS 'When reading ended, well or not.';

CREATE TABLE public.load_field_quality (
    load_id bigint NOT NULL,
    field text NOT NULL COLLATE pg_catalog."C",
    records bigint NOT NULL,
    filled bigint NOT NULL,
    placeholder bigint NOT NULL,
    rejected bigint NOT NULL
);

COMMENT ON TABLE public.load_field_quality IS 'How well each canonical field of a load was filled.';

COMMENT ON COLUMN public.load_field_quality.load_id IS 'The load.';

COMMENT ON COLUMN public.load_field_quality.field IS 'The canonical field.';

COMMENT ON COLUMN public.load_field_quality.records IS 'Records in the load.';

COMMENT ON COLUMN public.load_field_quality.filled IS 'Records with any value in the field.';

COMMENT ON COLUMN public.load_field_quality.placeholder IS 'Records whose value stands for "not known", such as a dummy number.';

COMMENT ON COLUMN public.load_field_quality.rejected IS 'Records whose value cannot be what the field means.';

ALTER TABLE public.load ALTER COLUMN load_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.load_load_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.membership (
    record_id bigint NOT NULL,
    person_id text NOT NULL COLLATE pg_catalog."C",
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone,
    probability double precision,
    reason text NOT NULL,
    run_id bigint NOT NULL,
    ended_run bigint,
    CONSTRAINT membership_check CHECK ((to_at > from_at)),
    CONSTRAINT membership_check1 CHECK (((to_at IS NULL) = (ended_run IS NULL)))
);

COMMENT ON TABLE public.membership IS 'Which person a record belonged to, from when to when, and why.';

COMMENT ON COLUMN public.membership.record_id IS 'The record.';

COMMENT ON COLUMN public.membership.person_id IS 'The person.';

COMMENT ON COLUMN public.membership.from_at IS 'When the membership was published.';

COMMENT ON COLUMN public.membership.to_at IS 'When it ended (that moment excluded); empty while it holds.';

COMMENT ON COLUMN public.membership.probability IS 'Probability, when it began, that the record belongs to the person.';

COMMENT ON COLUMN public.membership.reason IS 'Why it began.';

COMMENT ON COLUMN public.membership.run_id IS 'The run that began it.';

COMMENT ON COLUMN public.membership.ended_run IS 'The run that ended it.';

CREATE TABLE public.model (
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    document json NOT NULL,
    is_current boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.model IS 'The models that relinks used, whole, so that any past answer can be explained.';

COMMENT ON COLUMN public.model.fingerprint IS 'Names the model; two models with one fingerprint are the same.';

COMMENT ON COLUMN public.model.document IS 'The model as readable JSON, text kept as it was (json, not jsonb).';

COMMENT ON COLUMN public.model.is_current IS 'The model that new records are linked with.';

COMMENT ON COLUMN public.model.created_at IS 'When it was stored.';

CREATE TABLE public.normalised_record (
    record_id bigint NOT NULL,
    version integer NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    source_record_id text NOT NULL COLLATE pg_catalog."C",
    first_name text,
    first_alternatives text[] NOT NULL,
    first_sound text,
    middle_name text,
    last_name text,
    last_tokens text[] NOT NULL,
    last_sound text,
    name_key text,
    suffix text,
    birth_date text,
    birth_year integer,
    birth_month integer,
    birth_day integer,
    birth_estimated boolean,
    sex text,
    birth_order integer,
    multiple_birth boolean,
    ssn text,
    cin text,
    identifiers text[] NOT NULL,
    identifier_types text[] NOT NULL,
    mother_first text,
    mother_last text,
    guardian_first text,
    guardian_last text,
    address text,
    house_number text,
    street text,
    zip text,
    city text,
    state text,
    phone text,
    email text,
    case_id text
);

COMMENT ON TABLE public.normalised_record IS 'The version that holds of each record not withdrawn, cleaned for matching; can be rebuilt.';

COMMENT ON COLUMN public.normalised_record.record_id IS 'The record.';

COMMENT ON COLUMN public.normalised_record.version IS 'The version of the source record that was normalised.';

COMMENT ON COLUMN public.normalised_record.source IS 'Source system, repeated here so that a relink reads one table.';

COMMENT ON COLUMN public.normalised_record.source_record_id IS 'Id in the source system, repeated for the same reason.';

COMMENT ON COLUMN public.normalised_record.first_name IS 'All given tokens, letters only.';

COMMENT ON COLUMN public.normalised_record.first_alternatives IS 'First name, its nickname roots, given names of aliases.';

COMMENT ON COLUMN public.normalised_record.first_sound IS 'Phonetic code of the first given token.';

COMMENT ON COLUMN public.normalised_record.middle_name IS 'Middle name.';

COMMENT ON COLUMN public.normalised_record.last_name IS 'All surname tokens, letters only.';

COMMENT ON COLUMN public.normalised_record.last_tokens IS 'Single surnames, those of aliases among them.';

COMMENT ON COLUMN public.normalised_record.last_sound IS 'Phonetic code of the surname.';

COMMENT ON COLUMN public.normalised_record.name_key IS 'First and last name in alphabetical order.';

COMMENT ON COLUMN public.normalised_record.suffix IS 'Generation suffix.';

COMMENT ON COLUMN public.normalised_record.birth_date IS 'Birth date, ISO, only when complete.';

COMMENT ON COLUMN public.normalised_record.birth_year IS 'Year of birth.';

COMMENT ON COLUMN public.normalised_record.birth_month IS 'Month of birth.';

COMMENT ON COLUMN public.normalised_record.birth_day IS 'Day of birth.';

COMMENT ON COLUMN public.normalised_record.birth_estimated IS 'The source says that the birth date is an estimate.';

COMMENT ON COLUMN public.normalised_record.sex IS 'f or m; other and unknown are no evidence.';

COMMENT ON COLUMN public.normalised_record.birth_order IS 'Place among the children of a multiple birth.';

COMMENT ON COLUMN public.normalised_record.multiple_birth IS 'Born as one of several.';

COMMENT ON COLUMN public.normalised_record.ssn IS 'Social security number, nine digits, structurally valid.';

COMMENT ON COLUMN public.normalised_record.cin IS 'Medi-Cal client index number.';

COMMENT ON COLUMN public.normalised_record.identifiers IS 'Other personal identifiers as type:value.';

COMMENT ON COLUMN public.normalised_record.identifier_types IS 'The types among the identifiers.';

COMMENT ON COLUMN public.normalised_record.mother_first IS 'Mother''s first name.';

COMMENT ON COLUMN public.normalised_record.mother_last IS 'Mother''s last name.';

COMMENT ON COLUMN public.normalised_record.guardian_first IS 'Guardian''s first name.';

COMMENT ON COLUMN public.normalised_record.guardian_last IS 'Guardian''s last name.';

COMMENT ON COLUMN public.normalised_record.address IS 'House number, street and unit in standard abbreviations.';

COMMENT ON COLUMN public.normalised_record.house_number IS 'House number.';

COMMENT ON COLUMN public.normalised_record.street IS 'Street without number.';

COMMENT ON COLUMN public.normalised_record.zip IS 'Five-digit zip code.';

COMMENT ON COLUMN public.normalised_record.city IS 'City.';

COMMENT ON COLUMN public.normalised_record.state IS 'State.';

COMMENT ON COLUMN public.normalised_record.phone IS 'Telephone number, ten digits.';

COMMENT ON COLUMN public.normalised_record.email IS 'E-mail address.';

COMMENT ON COLUMN public.normalised_record.case_id IS 'Case in the source system.';

CREATE TABLE public.person (
    person_id text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL,
    retired_at timestamp with time zone,
    forwards_to text COLLATE pg_catalog."C",
    CONSTRAINT person_check CHECK (((forwards_to IS NULL) OR (retired_at IS NOT NULL))),
    CONSTRAINT person_check1 CHECK ((forwards_to <> person_id))
);

COMMENT ON TABLE public.person IS 'Every person id ever given out; rows are never deleted, so that no id is used twice.';

COMMENT ON COLUMN public.person.person_id IS 'Random, with a check character; carries no meaning.';

COMMENT ON COLUMN public.person.created_at IS 'When the person was published first.';

COMMENT ON COLUMN public.person.retired_at IS 'When the id lost its last record.';

COMMENT ON COLUMN public.person.forwards_to IS 'The person that answers for a retired id; empty when all its records were withdrawn.';

CREATE TABLE public.record_to_link (
    record_id bigint NOT NULL,
    version integer NOT NULL
);

COMMENT ON TABLE public.record_to_link IS 'Records new, changed or withdrawn since a relink last saw them; a load adds to it, a publication takes away. Without it, "changed since" would depend on clocks.';

COMMENT ON COLUMN public.record_to_link.record_id IS 'The record.';

COMMENT ON COLUMN public.record_to_link.version IS 'Its version that no relink has seen; a relink that saw an older one leaves the row.';

CREATE TABLE public.review_item (
    review_id bigint NOT NULL,
    left_person_id text NOT NULL COLLATE pg_catalog."C",
    right_person_id text NOT NULL COLLATE pg_catalog."C",
    weight_bits double precision NOT NULL,
    pairs integer NOT NULL,
    status text DEFAULT 'open'::text NOT NULL,
    run_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT review_item_check CHECK ((left_person_id < right_person_id)),
    CONSTRAINT review_item_check1 CHECK (((status = 'open'::text) = (closed_at IS NULL))),
    CONSTRAINT review_item_status_check CHECK ((status = ANY (ARRAY['open'::text, 'decided'::text, 'obsolete'::text])))
);

COMMENT ON TABLE public.review_item IS 'Two persons that may be one: neither clearly so nor clearly not; for a steward.';

COMMENT ON COLUMN public.review_item.review_id IS 'Number of the item.';

COMMENT ON COLUMN public.review_item.left_person_id IS 'The person whose id comes first.';

COMMENT ON COLUMN public.review_item.right_person_id IS 'The other person.';

COMMENT ON COLUMN public.review_item.weight_bits IS 'Average weight between their records, in bits; brought up to date while open.';

COMMENT ON COLUMN public.review_item.pairs IS 'Pairs of records that were scored between them.';

COMMENT ON COLUMN public.review_item.status IS 'open; decided by a steward; obsolete: a later run no longer asks.';

COMMENT ON COLUMN public.review_item.run_id IS 'The run that asked first.';

COMMENT ON COLUMN public.review_item.created_at IS 'When it was asked first.';

COMMENT ON COLUMN public.review_item.closed_at IS 'When it was decided or became obsolete.';

ALTER TABLE public.review_item ALTER COLUMN review_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.review_item_review_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.run (
    run_id bigint NOT NULL,
    kind text NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    model_fingerprint text COLLATE pg_catalog."C",
    policy jsonb DEFAULT '{}'::jsonb NOT NULL,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    timings jsonb DEFAULT '{}'::jsonb NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT run_check CHECK (((status = 'running'::text) = (finished_at IS NULL))),
    CONSTRAINT run_kind_check CHECK ((kind = ANY (ARRAY['full'::text, 'changed'::text, 'online'::text, 'judgement'::text]))),
    CONSTRAINT run_status_check CHECK ((status = ANY (ARRAY['running'::text, 'published'::text, 'dry_run'::text, 'failed'::text])))
);

COMMENT ON TABLE public.run IS 'One linking: what it used, what it changed, how long it took.';

COMMENT ON COLUMN public.run.run_id IS 'Number of the run.';

COMMENT ON COLUMN public.run.kind IS 'full: all records; changed: only what changes touch; online: one record; judgement: one decision.';

COMMENT ON COLUMN public.run.status IS 'running, published, dry_run (looked only) or failed (nothing was published).';

COMMENT ON COLUMN public.run.model_fingerprint IS 'The model it used.';

COMMENT ON COLUMN public.run.policy IS 'The linkage policy it used.';

COMMENT ON COLUMN public.run.counts IS 'Records, candidate pairs, persons created, joined, split, retired, records moved.';

COMMENT ON COLUMN public.run.timings IS 'Stage to seconds.';

COMMENT ON COLUMN public.run.started_at IS 'When it began.';

COMMENT ON COLUMN public.run.finished_at IS 'When it ended.';

ALTER TABLE public.run ALTER COLUMN run_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.run_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.schema_migration (
    number integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.schema_migration IS 'Migrations applied to this database.';

COMMENT ON COLUMN public.schema_migration.number IS 'Number of the migration.';

COMMENT ON COLUMN public.schema_migration.name IS 'Name of its file.';

COMMENT ON COLUMN public.schema_migration.sha256 IS 'SHA-256 of its text: an applied migration is never edited.';

COMMENT ON COLUMN public.schema_migration.applied_at IS 'When it was applied.';

CREATE TABLE public.source_record (
    record_id bigint NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    source_record_id text NOT NULL COLLATE pg_catalog."C",
    current_version integer NOT NULL,
    last_version integer NOT NULL,
    content_hash bytea NOT NULL,
    record_date text COLLATE pg_catalog."C",
    withdrawn boolean NOT NULL
);

COMMENT ON TABLE public.source_record IS 'The head of each source record: its key, and which of its versions holds.';

COMMENT ON COLUMN public.source_record.record_id IS 'Our number for the record, stable for ever.';

COMMENT ON COLUMN public.source_record.source IS 'Source system.';

COMMENT ON COLUMN public.source_record.source_record_id IS 'The record''s id in that system: opaque, case-sensitive.';

COMMENT ON COLUMN public.source_record.current_version IS 'The version that holds.';

COMMENT ON COLUMN public.source_record.last_version IS 'The highest version number given out; differs after an outdated version came.';

COMMENT ON COLUMN public.source_record.content_hash IS 'SHA-256 of the canonical values that hold: an equal one changes nothing.';

COMMENT ON COLUMN public.source_record.record_date IS 'The source''s own date of the version that holds; an older one does not replace it.';

COMMENT ON COLUMN public.source_record.withdrawn IS 'The source has withdrawn the record (it came with `deleted`).';

ALTER TABLE public.source_record ALTER COLUMN record_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.source_record_record_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.source_record_version (
    record_id bigint NOT NULL,
    version integer NOT NULL,
    source_values jsonb NOT NULL,
    content_hash bytea NOT NULL,
    deleted boolean NOT NULL,
    load_id bigint NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.source_record_version IS 'Everything a source ever said of a record; never changed, never deleted.';

COMMENT ON COLUMN public.source_record_version.record_id IS 'The record.';

COMMENT ON COLUMN public.source_record_version.version IS 'Counts from 1 in the order of arrival.';

COMMENT ON COLUMN public.source_record_version.source_values IS 'Canonical field to value, in the source''s own spelling.';

COMMENT ON COLUMN public.source_record_version.content_hash IS 'SHA-256 of the values and of `deleted`.';

COMMENT ON COLUMN public.source_record_version.deleted IS 'This version withdrew the record.';

COMMENT ON COLUMN public.source_record_version.load_id IS 'The load that brought it.';

COMMENT ON COLUMN public.source_record_version.recorded_at IS 'When we recorded it.';

ALTER TABLE ONLY public.identity_event
    ADD CONSTRAINT identity_event_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY public.judgement
    ADD CONSTRAINT judgement_pkey PRIMARY KEY (judgement_id);

ALTER TABLE ONLY public.judgement_undone
    ADD CONSTRAINT judgement_undone_pkey PRIMARY KEY (judgement_id);

ALTER TABLE ONLY public.load_field_quality
    ADD CONSTRAINT load_field_quality_pkey PRIMARY KEY (load_id, field);

ALTER TABLE ONLY public.load
    ADD CONSTRAINT load_pkey PRIMARY KEY (load_id);

ALTER TABLE ONLY public.membership
    ADD CONSTRAINT membership_pkey PRIMARY KEY (record_id, from_at);

ALTER TABLE ONLY public.model
    ADD CONSTRAINT model_pkey PRIMARY KEY (fingerprint);

ALTER TABLE ONLY public.normalised_record
    ADD CONSTRAINT normalised_record_pkey PRIMARY KEY (record_id);

ALTER TABLE ONLY public.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (person_id);

ALTER TABLE ONLY public.record_to_link
    ADD CONSTRAINT record_to_link_pkey PRIMARY KEY (record_id);

ALTER TABLE ONLY public.review_item
    ADD CONSTRAINT review_item_pkey PRIMARY KEY (review_id);

ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.source_record
    ADD CONSTRAINT source_record_pkey PRIMARY KEY (record_id);

ALTER TABLE ONLY public.source_record
    ADD CONSTRAINT source_record_source_source_record_id_key UNIQUE (source, source_record_id);

ALTER TABLE ONLY public.source_record_version
    ADD CONSTRAINT source_record_version_pkey PRIMARY KEY (record_id, version);

CREATE INDEX identity_event_by_other_person ON public.identity_event USING gin (other_person_ids) WHERE (other_person_ids <> '{}'::text[]);

COMMENT ON INDEX public.identity_event_by_other_person IS 'The events in which a person is on the other side: where it came from.';

CREATE INDEX identity_event_by_person ON public.identity_event USING btree (person_id, seq);

COMMENT ON INDEX public.identity_event_by_person IS 'The history of a person.';

CREATE INDEX judgement_by_left ON public.judgement USING btree (left_source, left_source_record_id);

COMMENT ON INDEX public.judgement_by_left IS 'Judgements that name a record first.';

CREATE INDEX judgement_by_right ON public.judgement USING btree (right_source, right_source_record_id);

COMMENT ON INDEX public.judgement_by_right IS 'Judgements that name a record second.';

CREATE INDEX load_by_source ON public.load USING btree (source, started_at DESC);

COMMENT ON INDEX public.load_by_source IS 'The last loads of a source, and whether this file was loaded before.';

CREATE INDEX membership_by_person ON public.membership USING btree (person_id, from_at);

COMMENT ON INDEX public.membership_by_person IS 'The records of a person, now or at any past time.';

CREATE UNIQUE INDEX membership_one_holds ON public.membership USING btree (record_id) WHERE (to_at IS NULL);

COMMENT ON INDEX public.membership_one_holds IS 'A record belongs to one person at a time; also finds it.';

CREATE UNIQUE INDEX model_one_is_current ON public.model USING btree (is_current) WHERE is_current;

COMMENT ON INDEX public.model_one_is_current IS 'At most one model is current.';

CREATE INDEX person_by_survivor ON public.person USING btree (forwards_to) WHERE (forwards_to IS NOT NULL);

COMMENT ON INDEX public.person_by_survivor IS 'The former ids of a person.';

CREATE UNIQUE INDEX review_item_asked_once ON public.review_item USING btree (left_person_id, right_person_id) WHERE (status = 'open'::text);

COMMENT ON INDEX public.review_item_asked_once IS 'The same question is open once at most.';

CREATE INDEX review_item_by_weight ON public.review_item USING btree (weight_bits DESC) WHERE (status = 'open'::text);

COMMENT ON INDEX public.review_item_by_weight IS 'The queue: the strongest first.';

COMMENT ON INDEX public.source_record_source_source_record_id_key IS 'Finds a record by its key, and keeps the key unique.';

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.identity_event FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.judgement FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.judgement_undone FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.source_record_version FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON public.person FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE ONLY public.identity_event
    ADD CONSTRAINT identity_event_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.judgement_undone
    ADD CONSTRAINT judgement_undone_judgement_id_fkey FOREIGN KEY (judgement_id) REFERENCES public.judgement(judgement_id);

ALTER TABLE ONLY public.load_field_quality
    ADD CONSTRAINT load_field_quality_load_id_fkey FOREIGN KEY (load_id) REFERENCES public.load(load_id);

ALTER TABLE ONLY public.membership
    ADD CONSTRAINT membership_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.membership
    ADD CONSTRAINT membership_record_id_fkey FOREIGN KEY (record_id) REFERENCES public.source_record(record_id);

ALTER TABLE ONLY public.person
    ADD CONSTRAINT person_forwards_to_fkey FOREIGN KEY (forwards_to) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.review_item
    ADD CONSTRAINT review_item_left_person_id_fkey FOREIGN KEY (left_person_id) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.review_item
    ADD CONSTRAINT review_item_right_person_id_fkey FOREIGN KEY (right_person_id) REFERENCES public.person(person_id);

ALTER TABLE ONLY public.review_item
    ADD CONSTRAINT review_item_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.run(run_id);

ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_model_fingerprint_fkey FOREIGN KEY (model_fingerprint) REFERENCES public.model(fingerprint);

ALTER TABLE ONLY public.source_record_version
    ADD CONSTRAINT source_record_version_record_id_fkey FOREIGN KEY (record_id) REFERENCES public.source_record(record_id);
