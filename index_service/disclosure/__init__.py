"""Who may learn what of whom, and the ledger of what was told.

clauses: agreements resolved against sources and purposes.      decide: what a caller may do, of which sources.
on_file: consents, orders and relationships of a person.        explain: by which clause, in words.
"""
