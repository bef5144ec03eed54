-- name: persons
-- What a caller may learn of some persons, with the row of the ledger that says so.
SELECT * FROM released_persons(
    %(client)s, %(user)s, %(purpose)s, %(action)s, %(request)s, %(question)s, %(persons)s, %(attributes)s, %(as_of)s)

-- name: person_of_record
-- What a caller may learn of the person of a record, with the row of the ledger.
SELECT * FROM released_person_of_record(
    %(client)s, %(user)s, %(purpose)s, %(action)s, %(request)s, %(question)s, %(source)s, %(source_record_id)s,
    %(attributes)s, %(as_of)s)

-- name: history
-- What a caller may learn of everything that an id ever held, with the row of the ledger.
SELECT * FROM released_history(%(client)s, %(user)s, %(purpose)s, %(request)s, %(question)s, %(person)s)

-- name: refusal
-- That a question was refused.
SELECT note_refusal(%(client)s, %(user)s, %(purpose)s, %(action)s, %(request)s, %(question)s, %(reason)s)

-- name: horizon
-- The number up to which the ledger is complete; in a transaction of its own.
SELECT ledger_horizon()

-- name: seal
-- Seals the ledger up to a number.
SELECT block_no, digest, rows FROM seal_ledger(%(up_to)s)
