-- name: released
-- Question by question, by its number from 1, what a caller may learn of some persons, or of the person of a record, with
-- the row of the ledger that says so.
SELECT q.number, told.*
FROM unnest(
    %(clients)s::text[], %(users)s::text[], %(purposes)s::text[], %(actions)s::text[], %(requests)s::text[],
    %(questions)s::bytea[], %(firsts)s::integer[], %(lasts)s::integer[], %(sources)s::text[], %(ids)s::text[],
    %(attributes_from)s::integer[], %(attributes_to)s::integer[], %(as_of)s::timestamptz[], %(ever)s::boolean[]
) WITH ORDINALITY AS q (
    client, user_id, purpose, action, request, question, first, last, source, id, attributes_from, attributes_to, as_of,
    ever, number)
CROSS JOIN LATERAL told_of_persons(
    q.client, q.user_id, q.purpose, q.action, q.request, q.question, (%(persons)s::text[])[q.first:q.last], q.source,
    q.id, (%(attributes)s::text[])[q.attributes_from:q.attributes_to], q.as_of, q.ever) AS told

-- name: released_records
-- Question by question, by its number from 1, those of some records that a caller may learn of, with the row of the
-- ledger that says so.
SELECT q.number, told.*
FROM unnest(
    %(clients)s::text[], %(users)s::text[], %(purposes)s::text[], %(actions)s::text[], %(requests)s::text[],
    %(questions)s::bytea[], %(firsts)s::integer[], %(lasts)s::integer[]
) WITH ORDINALITY AS q (client, user_id, purpose, action, request, question, first, last, number)
CROSS JOIN LATERAL told_of_records(
    q.client, q.user_id, q.purpose, q.action, q.request, q.question, (%(sources)s::text[])[q.first:q.last],
    (%(ids)s::text[])[q.first:q.last]) AS told

-- name: released_events
-- What a caller may learn of events, with the row of the ledger that says so; the last row says how far the page goes.
SELECT * FROM told_of_events(
    %(client)s, %(user)s, %(purpose)s, %(action)s, %(request)s, %(question)s, %(person)s, %(after)s,
    %(after_segregated)s, %(limit)s)

-- name: released_counts
-- How many persons there are, as far as a caller may learn of it, with the row of the ledger that says so.
SELECT * FROM told_counts(%(client)s, %(user)s, %(purpose)s, %(request)s, %(question)s)

-- name: released_accounting
-- To whom a person was disclosed, as far as a caller may learn of it, with the row of the ledger that says so.
SELECT * FROM told_accounting(
    %(client)s, %(user)s, %(purpose)s, %(request)s, %(question)s, %(person)s, %(years)s)

-- name: break_glass
-- Breaks the glass for a user and a person, as far as agreements let it be broken; with the row of the ledger.
SELECT * FROM break_glass(
    %(client)s, %(user)s, %(purpose)s, %(person)s, %(reason)s, %(request)s, %(question)s)

-- name: refusal
-- That a question was refused.
SELECT note_refusal(%(client)s, %(user)s, %(purpose)s, %(action)s, %(request)s, %(question)s, %(reason)s)

-- name: horizon
-- The number up to which the ledger is complete; in a transaction of its own.
SELECT ledger_horizon()

-- name: seal
-- Seals the ledger up to a number.
SELECT block_no, digest, rows FROM seal_ledger(%(up_to)s)
