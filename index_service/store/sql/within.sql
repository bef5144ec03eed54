-- name: takes_part
-- Whether a record may take part in finding out who somebody is, for a caller and a purpose: it is of a source that the
-- agreements let take part, no adoption seal hides it, and nobody has refused it for its person. In most databases nobody
-- ever refused.
EXISTS (SELECT FROM source_record w WHERE w.record_id = {record} AND w.source = ANY (%(sources)s::text[]))
AND {unsealed}
AND ((SELECT NOT EXISTS (SELECT FROM consent WHERE kind = 'refusal')) OR NOT EXISTS (
    SELECT FROM consent c
    JOIN membership b ON b.record_id = c.record_id AND b.to_at IS NULL
    JOIN source_record w ON w.record_id = {record}
    WHERE b.person_id = {person} AND c.kind = 'refusal' AND w.source = ANY (c.sources)
      AND (c.covers = 'person' OR c.record_id = {record})
      AND (cardinality(c.clients) = 0 OR %(client)s = ANY (c.clients))
      AND (cardinality(c.purposes) = 0 OR %(purpose)s = ANY (c.purposes))
      AND c.from_at <= clock_timestamp() AND (c.until_at IS NULL OR clock_timestamp() < c.until_at)
      AND NOT EXISTS (SELECT FROM consent_revoked v WHERE v.consent_id = c.consent_id)))

-- name: unsealed
-- Whether a record may take part for anybody: it is not of a time before an adoption that is sealed, and bears no name or
-- parent of that time. In most databases nothing was ever sealed.
((SELECT NOT EXISTS (SELECT FROM adoption_seal_second)) OR NOT (sealed_away_record({record}) OR bears_sealed({record})))
