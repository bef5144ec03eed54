-- name: add_version
-- A text under its version; nothing, if that version is there already.
INSERT INTO agreement_version (agreement_id, version, document, sha256)
VALUES (%(agreement_id)s, %(version)s, %(document)s, %(sha256)s)
ON CONFLICT DO NOTHING

-- name: text_of
-- SHA-256 of the text that stands under a version.
SELECT sha256 FROM agreement_version WHERE agreement_id = %(agreement_id)s AND version = %(version)s

-- name: latest_version
-- The highest version of an agreement that was ever applied.
SELECT max(version) FROM agreement_version WHERE agreement_id = %(agreement_id)s

-- name: add_application
-- Which agreements hold from here on.
INSERT INTO agreement_application (agreements, reason, applied_by)
VALUES (%(agreements)s, %(reason)s, %(who)s)
RETURNING application_id

-- name: add_clause
-- A clause, as it was resolved.
INSERT INTO agreement_clause (
    application_id, client_id, agreement, clause, effect, purposes, actions, sources, attributes, on_file,
    relationships, legal_responsibility, breaks_glass, smallest_cell, from_at, until_at)
VALUES (
    %(application_id)s, %(client_id)s, %(agreement)s, %(clause)s, %(effect)s, %(purposes)s, %(actions)s, %(sources)s,
    %(attributes)s, %(on_file)s, %(relationships)s, %(legal_responsibility)s, %(breaks_glass)s, %(smallest_cell)s,
    %(from_at)s, %(until_at)s)

-- name: current_application
-- The last application: its number and the agreements that hold.
SELECT application_id, agreements FROM agreement_application ORDER BY application_id DESC LIMIT 1

-- name: current_number
-- The number of the last application; null before the first.
SELECT max(application_id) FROM agreement_application

-- name: documents
-- The texts of some versions.
SELECT document::text FROM agreement_version
WHERE agreement_id || '/' || version = ANY (%(references)s)
ORDER BY agreement_id

-- name: clauses
-- The clauses of an application, in a fixed order.
SELECT agreement, clause, effect, array_agg(client_id ORDER BY client_id), purposes, actions, sources, attributes,
       on_file, relationships, legal_responsibility, breaks_glass, from_at, until_at
FROM agreement_clause
WHERE application_id = %(application_id)s
GROUP BY agreement, clause, effect, purposes, actions, sources, attributes, on_file, relationships,
         legal_responsibility, breaks_glass, from_at, until_at
ORDER BY agreement, clause, breaks_glass
