-- name: released
-- What a caller may learn of some persons, or of the person of a record, with the row of the ledger that says so.
SELECT * FROM released(
    %(client)s, %(user)s, %(purpose)s, %(action)s, %(request)s, %(question)s, %(persons)s, %(source)s,
    %(source_record_id)s, %(attributes)s, %(as_of)s, %(ever)s)

-- name: refusal
-- That a question was refused.
SELECT note_refusal(%(client)s, %(user)s, %(purpose)s, %(action)s, %(request)s, %(question)s, %(reason)s)

-- name: horizon
-- The number up to which the ledger is complete; in a transaction of its own.
SELECT ledger_horizon()

-- name: seal
-- Seals the ledger up to a number.
SELECT block_no, digest, rows FROM seal_ledger(%(up_to)s)
