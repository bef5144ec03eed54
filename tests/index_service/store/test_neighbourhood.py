"""Candidates come by the index on keys, whatever the planner has been told of them."""

from __future__ import annotations

from index_service.store.connection import Connection
from index_service.store.neighbourhood import candidates
from tests.index_service.store.partitions import load_ids

MANY = 3_000
KEYS_OF_ONE = 25


def test_once_the_keys_are_analysed_they_are_still_looked_up(any_conn: Connection) -> None:
    """The planner takes fifty keys that are not among the most common for a large share of all records."""
    load_ids(any_conn, [str(n) for n in range(MANY)])
    any_conn.execute(
        "INSERT INTO record_key (record_id, version, keys) "
        "SELECT record_id, 1, (SELECT array_agg(record_id / 3 * 1000 + n ORDER BY n) FROM generate_series(1, %s) AS n) "
        "FROM source_record",
        [KEYS_OF_ONE],
    )
    any_conn.execute("ANALYZE")
    (keys,) = any_conn.execute("SELECT keys FROM record_key ORDER BY record_id LIMIT 1 OFFSET 1500").fetchall()[0]
    before = _scans(any_conn)
    found = candidates(any_conn, keys, 100)
    assert _scans(any_conn) == before, "no table was read from end to end"
    expected = any_conn.execute("SELECT record_id FROM record_key WHERE keys @> %s::bigint[]", [keys[:1]])
    assert {each.record_id for each in found.found} == {record_id for (record_id,) in expected}
    assert len(found.found) == 3


def _scans(conn: Connection) -> list[int]:
    """How often these tables were read from end to end, by this connection too."""
    conn.execute("SELECT pg_stat_force_next_flush()")
    conn.execute("SELECT pg_stat_clear_snapshot()")
    rows = conn.execute(
        "SELECT seq_scan FROM pg_stat_user_tables WHERE relname IN ('record_key', 'normalised_record') ORDER BY relid"
    )
    return [scans for (scans,) in rows]
