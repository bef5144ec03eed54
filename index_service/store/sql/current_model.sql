-- name: current_fingerprint
-- Which model records are linked with now; no row before the first relink.
SELECT fingerprint FROM model WHERE is_current

-- name: document
-- The text of a model; a fingerprint never changes what it names.
SELECT document::text FROM model WHERE fingerprint = %(fingerprint)s
