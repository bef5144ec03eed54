-- name: records_of_persons
-- The records of persons at a time, each with what its source said then, and since when and why it belongs there.
SELECT
    m.person_id, m.record_id, h.source, h.source_record_id, h.withdrawn, v.version,
    shown_to_stewards(m.record_id, v.source_values) AS source_values, v.recorded_at,
    m.from_at, m.probability, m.reason, m.run_id
FROM membership m
JOIN source_record h USING (record_id)
JOIN LATERAL (
    SELECT version, source_values, recorded_at
    FROM source_record_version v
    WHERE v.record_id = m.record_id
        AND CASE WHEN %(at)s::timestamptz = 'infinity' THEN v.version = h.current_version
            ELSE v.recorded_at <= greatest(%(at)s::timestamptz, m.from_at) END
    ORDER BY version DESC
    LIMIT 1
) v ON true
WHERE m.person_id = ANY (%(persons)s) AND m.from_at <= %(at)s::timestamptz
    AND (m.to_at IS NULL OR m.to_at > %(at)s::timestamptz)
    AND NOT sealed_away_record(m.record_id)
ORDER BY m.person_id, h.source, h.source_record_id

-- name: record
-- The head of a record, and whom it belongs to now.
SELECT h.record_id, h.source, h.source_record_id, h.current_version, h.withdrawn, h.record_date, m.person_id
FROM source_record h
LEFT JOIN membership m ON m.record_id = h.record_id AND m.to_at IS NULL
WHERE h.source = %(source)s AND h.source_record_id = %(source_record_id)s AND NOT sealed_away_record(h.record_id)

-- name: versions
-- Everything that a source ever said of a record, the newest first.
SELECT v.version, shown_to_stewards(v.record_id, v.source_values) AS source_values, v.deleted, v.recorded_at, l.file_name
FROM source_record_version v
LEFT JOIN load l USING (load_id)
WHERE v.record_id = %(record_id)s
ORDER BY v.version DESC
LIMIT %(limit)s

-- name: version
-- What a source said of a record in one version.
SELECT v.version, shown_to_stewards(v.record_id, v.source_values) AS source_values, v.recorded_at
FROM source_record_version v
WHERE v.record_id = %(record_id)s AND v.version = %(version)s AND NOT sealed_away_record(v.record_id)

-- name: addresses_of_records
-- Every address that the versions of some records name, with the day: the source's, else that of arrival
-- in the zone of the installation.
SELECT v.record_id, coalesce(v.source_values ->> 'record_date', (v.recorded_at AT TIME ZONE %(zone)s)::date::text) AS day,
       s.address_line, s.city, s.state, s.zip
FROM source_record_version v
CROSS JOIN LATERAL jsonb_to_record(shown_to_stewards(v.record_id, v.source_values))
    AS s (address_line text, city text, state text, zip text)
WHERE v.record_id = ANY (%(record_ids)s) AND NOT v.deleted AND NOT sealed_away_record(v.record_id)
  AND coalesce(s.address_line, s.city, s.zip) IS NOT NULL
ORDER BY day, v.record_id, v.version

-- name: memberships_of_record
-- Whom a record belonged to, from when to when.
SELECT person_id, from_at, to_at, probability, reason, run_id
FROM membership
WHERE record_id = %(record_id)s AND NOT sealed_away(person_id)
ORDER BY from_at DESC

-- name: former_ids
-- The ids for which a person answers directly.
SELECT person_id, retired_at FROM person WHERE forwards_to = %(person_id)s ORDER BY retired_at, person_id

-- name: persons_beside
-- The other persons of a person's component, as far as it has any.
SELECT DISTINCT o.person_id
FROM person_component c
JOIN person_component o USING (component_id)
WHERE c.person_id = ANY (%(persons)s) AND NOT o.person_id = ANY (%(persons)s) AND NOT sealed_away(o.person_id)
ORDER BY o.person_id

-- name: runs
-- Relinks, the newest first; linkings of single records and decisions are left out unless asked for.
SELECT run_id, kind, status, model_fingerprint, policy, counts, timings, started_at, finished_at, decided_by, decided_at
FROM run
WHERE run_id < %(before)s AND kind = ANY (%(kinds)s)
ORDER BY run_id DESC
LIMIT %(limit)s

-- name: run
-- One run.
SELECT run_id, kind, status, model_fingerprint, policy, counts, timings, started_at, finished_at, decided_by, decided_at
FROM run
WHERE run_id = %(run_id)s

-- name: examples_of_run
-- Of each kind of change that a run published: how many there are, and the first few.
SELECT c.kind, c.total, e.seq, e.person_id, e.other_person_ids, e.records, e.run_id, e.at
FROM (SELECT kind, count(*) AS total FROM identity_event WHERE run_id = %(run_id)s GROUP BY kind) c
CROSS JOIN LATERAL (
    SELECT * FROM identity_event i
    WHERE i.run_id = %(run_id)s AND i.kind = c.kind AND NOT sealed_away(i.person_id)
      AND NOT EXISTS (SELECT FROM unnest(i.other_person_ids) AS o WHERE sealed_away(o))
    ORDER BY i.seq LIMIT %(examples)s
) e
ORDER BY c.kind, e.seq

-- name: weights_of_run
-- How many memberships a run began at each weight in whole bits; records alone in their person stand at no weight.
SELECT
    CASE WHEN probability >= 1 THEN NULL
        ELSE floor(greatest(-40, least(60, ln(probability / (1 - probability)) / ln(2))))::integer END AS bits,
    count(*) AS records
FROM membership
WHERE run_id = %(run_id)s AND probability > 0
GROUP BY 1
ORDER BY 1

-- name: questions_of_run
-- How many questions a run asked first at each weight in whole bits.
SELECT floor(weight_bits)::integer AS bits, count(*) FROM review_task WHERE run_id = %(run_id)s GROUP BY 1 ORDER BY 1

-- name: models
-- The models that were used, the newest first.
SELECT fingerprint, is_current, created_at FROM model ORDER BY created_at DESC LIMIT %(limit)s

-- name: followers
-- Clients that the agreements in force let learn of events about records of some sources: the name, whether only by what
-- is on file for the person, and whether events are posted to it.
SELECT p.client_id, coalesce(max(c.name), p.client_id) AS name,
       bool_and(cardinality(p.on_file) > 0 OR cardinality(p.relationships) > 0 OR p.legal_responsibility) AS only_if_on_file,
       EXISTS (SELECT FROM webhook w WHERE w.client_id = p.client_id) AS is_posted
FROM agreement_permit p
LEFT JOIN LATERAL (
    SELECT v.name FROM api_client_version v WHERE v.client_id = p.client_id ORDER BY v.version DESC LIMIT 1
) c ON true
WHERE p.application_id = (SELECT max(application_id) FROM agreement_application) AND p.action = 'events'
  AND p.source = ANY (%(sources)s) AND NOT p.breaks_glass
  AND p.from_at <= clock_timestamp() AND p.until_at > clock_timestamp()
GROUP BY p.client_id
ORDER BY name, p.client_id

-- name: decisions_by_weight
-- Decisions in force about questions, by the weight that the model of then gave these, in steps of two bits: what the
-- model expected, how many said one person, how many there are.
SELECT floor((j.evidence ->> 'weight_bits')::float8 / 2)::integer * 2 AS bits,
       avg(1 / (1 + power(2::float8, -(j.evidence ->> 'weight_bits')::float8))) AS expected,
       count(*) FILTER (WHERE j.kind = 'same') AS one_person, count(*) AS decisions
FROM judgement j
LEFT JOIN judgement_second s USING (judgement_id)
WHERE j.kind IN ('same', 'different', 'split') AND j.evidence ? 'weight_bits'
  AND abs((j.evidence ->> 'weight_bits')::float8) < 500
  AND CASE WHEN j.needs_second THEN s.agrees IS TRUE ELSE true END
  AND NOT EXISTS (SELECT FROM judgement_undone u WHERE u.judgement_id = j.judgement_id)
GROUP BY 1 ORDER BY 1 DESC

-- name: add_look
-- That somebody looks, with the rows of the ledger: one for each person whose records are shown, else one that tells of none.
-- Whole numbers on a task's page are of each of its persons.
WITH shown AS MATERIALIZED (
    SELECT m.person_id, r.source, r.source_record_id AS id
    FROM membership m JOIN source_record r ON r.record_id = m.record_id
    WHERE m.person_id = %(person_id)s::text AND (m.to_at IS NULL OR %(at_what)s = 'history') AND NOT sealed_away(m.person_id)
    UNION
    SELECT m.person_id, r.source, r.source_record_id
    FROM source_record r LEFT JOIN membership m ON m.record_id = r.record_id AND m.to_at IS NULL
    WHERE r.source = %(source)s::text AND r.source_record_id = %(source_record_id)s::text
      AND NOT sealed_away_record(r.record_id)
    UNION
    SELECT m.person_id, r.source, r.source_record_id
    FROM review_task t
    CROSS JOIN LATERAL unnest(t.left_records || t.right_records) AS side (record_id)
    JOIN source_record r ON r.record_id = side.record_id
    LEFT JOIN membership m ON m.record_id = r.record_id AND m.to_at IS NULL
    WHERE t.task_id = %(task_id)s::bigint AND NOT sealed_away_record(r.record_id)
), look AS (
    INSERT INTO steward_look (account_id, session_id, at_what, person_id, source, source_record_id, task_id)
    SELECT %(account_id)s::bigint, %(session_id)s::bigint, %(at_what)s::text, p.person_id, %(source)s::text,
           %(source_record_id)s::text, %(task_id)s::bigint
    FROM (SELECT %(person_id)s::text AS person_id WHERE %(at_what)s <> 'numbers' OR %(task_id)s::bigint IS NULL
          UNION ALL
          SELECT DISTINCT s.person_id FROM shown s
          WHERE %(at_what)s = 'numbers' AND %(task_id)s::bigint IS NOT NULL AND s.person_id IS NOT NULL) p
)
INSERT INTO disclosure (at, client_id, user_id, purpose, action, outcome, application_id, person_id, pointers)
SELECT clock_timestamp(), %(client)s, %(name)s, %(purpose)s, 'look at ' || %(at_what)s,
       CASE WHEN count(s.source) > 0 THEN 'released' ELSE 'nothing' END,
       (SELECT max(application_id) FROM agreement_application), s.person_id,
       json_agg(json_build_object('source', s.source, 'id', s.id, 'clauses', '[]'::json, 'attributes',
                                  CASE %(at_what)s WHEN 'numbers' THEN '["ssn"]'::json ELSE '[]'::json END)
                ORDER BY s.source, s.id) FILTER (WHERE s.source IS NOT NULL)
FROM (SELECT * FROM shown UNION ALL SELECT NULL, NULL, NULL WHERE NOT EXISTS (SELECT FROM shown)) s
GROUP BY s.person_id

-- name: looks_at_person
-- Who looked at a person or its numbers last, as the ledger has it.
SELECT d.at, replace(d.action, 'look at ', '') AS at_what, a.display_name
FROM disclosure d JOIN account a ON a.name = d.user_id
WHERE d.person_id = %(person_id)s AND d.client_id = %(client)s
ORDER BY d.disclosure_id DESC
LIMIT %(limit)s

-- name: records_by_number
-- Records by number, each with what its source says now and whom it belongs to; for pages of tasks.
SELECT
    coalesce(m.person_id, '') AS person_id, h.record_id, h.source, h.source_record_id, h.withdrawn, v.version,
    shown_to_stewards(h.record_id, v.source_values) AS source_values, v.recorded_at,
    coalesce(m.from_at, v.recorded_at) AS from_at, m.probability,
    coalesce(m.reason, '') AS reason, coalesce(m.run_id, 0) AS run_id
FROM source_record h
JOIN source_record_version v ON v.record_id = h.record_id AND v.version = h.current_version
LEFT JOIN membership m ON m.record_id = h.record_id AND m.to_at IS NULL
WHERE h.record_id = ANY (%(record_ids)s) AND NOT sealed_away_record(h.record_id)
ORDER BY h.source, h.source_record_id
