-- name: released
-- What a caller may learn of some persons, or of the person of a record, with the row of the ledger that says so.
SELECT * FROM told_of_persons(
    %(client)s, %(user)s, %(purpose)s, %(action)s, %(request)s, %(question)s, %(persons)s, %(source)s,
    %(source_record_id)s, %(attributes)s, %(as_of)s, %(ever)s)

-- name: released_records
-- Of some records those that a caller may learn of, with the row of the ledger that says so.
SELECT * FROM told_of_records(
    %(client)s, %(user)s, %(purpose)s, %(action)s, %(request)s, %(question)s, %(sources)s, %(ids)s)

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
