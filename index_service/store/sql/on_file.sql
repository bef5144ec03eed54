-- name: record_id
-- Our number of a record.
SELECT record_id FROM source_record WHERE source = %(source)s AND source_record_id = %(source_record_id)s

-- name: add_consent
-- A consent, court order or refusal.
INSERT INTO consent (kind, record_id, covers, sources, clients, purposes, from_at, until_at, document, recorded_by)
VALUES (%(kind)s, %(record_id)s, %(covers)s, %(sources)s, %(clients)s, %(purposes)s, %(from_at)s, %(until_at)s,
        %(document)s, %(who)s)
RETURNING consent_id

-- name: revoke_consent
-- That it no longer holds, from now on.
INSERT INTO consent_revoked (consent_id, reason, revoked_by) VALUES (%(consent_id)s, %(reason)s, %(who)s)

-- name: consents
-- What is on file for the person of a record or for a person, or all; whether it holds still.
SELECT c.consent_id, c.kind, r.source, r.source_record_id, c.covers, c.sources, c.clients, c.purposes, c.from_at,
       c.until_at, c.document, c.recorded_by, c.recorded_at, v.revoked_at, v.reason
FROM consent c
JOIN source_record r ON r.record_id = c.record_id
LEFT JOIN consent_revoked v ON v.consent_id = c.consent_id
WHERE %(person_id)s::text IS NULL
   OR EXISTS (SELECT FROM membership m
              WHERE m.record_id = c.record_id AND m.person_id = %(person_id)s AND m.to_at IS NULL)
ORDER BY c.consent_id

-- name: add_relationship
-- Who stands how to a child.
INSERT INTO relationship (kind, record_id, client_id, user_id, from_at, until_at, recorded_by)
VALUES (%(kind)s, %(record_id)s, %(client_id)s, %(user_id)s, %(from_at)s, %(until_at)s, %(who)s)
RETURNING relationship_id

-- name: end_relationship
-- That it no longer holds, from now on.
INSERT INTO relationship_ended (relationship_id, reason, ended_by) VALUES (%(relationship_id)s, %(reason)s, %(who)s)

-- name: relationships
-- Who stands how to a person, or to anybody.
SELECT l.relationship_id, l.kind, r.source, r.source_record_id, l.client_id, l.user_id, l.from_at, l.until_at,
       l.recorded_by, e.ended_at
FROM relationship l
JOIN source_record r ON r.record_id = l.record_id
LEFT JOIN relationship_ended e ON e.relationship_id = l.relationship_id
WHERE %(person_id)s::text IS NULL
   OR EXISTS (SELECT FROM membership m
              WHERE m.record_id = l.record_id AND m.person_id = %(person_id)s AND m.to_at IS NULL)
ORDER BY l.relationship_id

-- name: break_glass
-- That a user passed over the conditions of an agreement for a person.
INSERT INTO broken_glass (agreement, client_id, user_id, person_id, reason, alerts, broken_at, expires_at, review_by)
VALUES (%(agreement)s, %(client_id)s, %(user_id)s, %(person_id)s, %(reason)s, %(alerts)s, %(broken_at)s,
        %(expires_at)s, %(review_by)s)
RETURNING broken_glass_id

-- name: broken_glass
-- Broken glass of a person, or all that waits for its review.
SELECT b.broken_glass_id, b.agreement, b.client_id, b.user_id, b.person_id, b.reason, b.alerts, b.broken_at,
       b.expires_at, b.review_by
FROM broken_glass b
WHERE CASE WHEN %(person_id)s::text IS NULL
           THEN NOT EXISTS (SELECT FROM broken_glass_reviewed v WHERE v.broken_glass_id = b.broken_glass_id)
           ELSE b.person_id = %(person_id)s END
ORDER BY b.review_by, b.broken_glass_id

-- name: glass_to_review
-- Broken glass that nobody has looked at yet, or all of it, the most urgent first: with how many answers were given by it.
SELECT b.broken_glass_id, b.agreement, b.client_id, b.user_id, b.person_id, b.reason, b.alerts, b.broken_at,
       b.expires_at, b.review_by,
       (SELECT count(*) FROM disclosure d
        WHERE d.person_id = b.person_id AND d.client_id = b.client_id AND d.user_id = b.user_id AND d.purpose = 'BTG'
          AND d.outcome = 'released' AND d.at >= b.broken_at AND d.at < b.expires_at),
       v.was_justified, v.remark, v.reviewed_by, v.reviewed_at
FROM broken_glass b LEFT JOIN broken_glass_reviewed v USING (broken_glass_id)
WHERE v.broken_glass_id IS NULL OR %(reviewed_too)s
ORDER BY v.reviewed_at DESC NULLS FIRST, b.review_by, b.broken_glass_id
LIMIT %(limit)s

-- name: glass_waiting
-- How much broken glass nobody has looked at yet.
SELECT count(*) FROM broken_glass b
WHERE NOT EXISTS (SELECT FROM broken_glass_reviewed v WHERE v.broken_glass_id = b.broken_glass_id)

-- name: glass_broken_by
-- Who broke the glass.
SELECT client_id, user_id FROM broken_glass WHERE broken_glass_id = %(broken_glass_id)s

-- name: review_broken_glass
-- What the review found.
INSERT INTO broken_glass_reviewed (broken_glass_id, was_justified, remark, reviewed_by)
VALUES (%(broken_glass_id)s, %(was_justified)s, %(remark)s, %(who)s)

-- name: answering_person
-- The person that answers for an id, also for one that a segregated record had while it stood alone.
WITH RECURSIVE chain AS (
    SELECT person_id, forwards_to, 0 AS step FROM person WHERE person_id = %(person_id)s
    UNION ALL
    SELECT p.person_id, p.forwards_to, c.step + 1 FROM chain c JOIN person p ON p.person_id = c.forwards_to
)
SELECT coalesce(
    (SELECT person_id FROM chain ORDER BY step DESC LIMIT 1),
    (SELECT coalesce(m.person_id, o.person_id)
     FROM segregated.own_person o
     LEFT JOIN segregated.membership m ON m.record_id = o.record_id AND m.to_at IS NULL
     WHERE o.person_id = %(person_id)s))

-- name: members
-- The records of a person that hold, segregated ones too, but for what an adoption seal hides: for who operates the
-- index.
SELECT r.source, r.source_record_id
FROM membership m JOIN source_record r ON r.record_id = m.record_id
WHERE m.person_id = %(person_id)s AND m.to_at IS NULL AND NOT r.withdrawn AND NOT sealed_away(m.person_id)
UNION ALL
SELECT r.source, r.source_record_id
FROM segregated.membership m JOIN segregated.source_record r ON r.record_id = m.record_id
WHERE m.person_id = %(person_id)s AND m.to_at IS NULL AND NOT r.withdrawn AND NOT sealed_away(m.person_id)
ORDER BY 1, 2
