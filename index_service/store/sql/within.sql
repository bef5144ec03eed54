-- name: takes_part
-- Whether a record may take part in finding out who somebody is, for a caller and a purpose: it is of a source that the
-- agreements let take part, neither an adoption seal nor a protected name hides it, and nobody has refused it for its
-- person. In most databases nobody ever refused.
EXISTS (SELECT FROM source_record w WHERE w.record_id = {record} AND w.source = ANY (%(sources)s::text[]))
AND {may_be_found}
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

-- name: may_be_found
-- Whether a record may take part for anybody: it is not of a time before an adoption that is sealed, and bears no name or
-- parent of that time; and no name that its person had before a protected change. In most databases nothing was ever sealed.
((SELECT NOT EXISTS (SELECT FROM adoption_seal_second)) OR NOT (sealed_away_record({record}) OR bears_sealed({record})))
AND ((SELECT NOT anybody_is_protected()) OR NOT bears_former_name({record}, {person}))

-- name: shares_a_key
-- Whether a record shares one of the keys; of a person whose whereabouts are protected, one that no whereabouts are in.
{keys} && %(keys)s::bigint[]
AND ({keys} && %(keys_of_no_place)s::bigint[] OR (SELECT NOT anybody_is_protected()) OR NOT hides_whereabouts({person}))

-- name: leads_there
-- Whether a key leads to a person: to one whose whereabouts are protected, none that whereabouts are in.
({key} = ANY (%(keys_of_no_place)s::bigint[]) OR (SELECT NOT anybody_is_protected()) OR NOT hides_whereabouts({person}))

-- name: hides_place
-- Whether a person's whereabouts are protected, and take no part.
((SELECT anybody_is_protected()) AND hides_whereabouts({person}))
