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

-- name: add_permit
-- What is allowed between two moments.
INSERT INTO agreement_permit (
    application_id, client_id, purpose, action, from_at, until_at, source, agreement, clause, attributes, on_file,
    relationships, legal_responsibility, breaks_glass, smallest_cell)
VALUES (
    %(application_id)s, %(client_id)s, %(purpose)s, %(action)s, %(from_at)s, %(until_at)s, %(source)s, %(agreement)s,
    %(clause)s, %(attributes)s, %(on_file)s, %(relationships)s, %(legal_responsibility)s, %(breaks_glass)s,
    %(smallest_cell)s)

-- name: current_application
-- The last application: its number and the agreements that hold.
SELECT application_id, agreements FROM agreement_application ORDER BY application_id DESC LIMIT 1

-- name: documents
-- The texts of some versions.
SELECT document::text FROM agreement_version
WHERE agreement_id || '/' || version = ANY (%(references)s)
ORDER BY agreement_id

-- name: last_application
-- The number of the application whose agreements hold; null before the first.
SELECT max(application_id) FROM agreement_application

-- name: permits
-- What an application allows a client for a purpose and an action, window of time by window.
SELECT p.from_at, p.until_at, p.source, p.agreement, p.clause, p.attributes, p.on_file, p.relationships,
       p.legal_responsibility, p.breaks_glass
FROM agreement_permit p
WHERE p.application_id = %(application_id)s AND p.client_id = %(client_id)s AND p.purpose = %(purpose)s
  AND p.action = %(action)s
ORDER BY p.from_at, p.until_at, p.source, p.agreement, p.clause
