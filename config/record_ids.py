"""The one spelling in which a record's id is kept, whichever spelling somebody uses who asks for it."""

from __future__ import annotations

from functools import cache

from config.mapping import record_id_reader
from config.sources import SourceConfig, load_sources


def record_key(source: str, record_id: str) -> tuple[str, str]:
    """Name a record as the index keeps it: a CWS/CMS id as printed becomes its ten characters.

    An id that no record of the source can have, and one of a source that nobody knows, stays as it is: it is not found.
    """
    config = _sources().get(source)
    return source, record_id if config is None else _kept(config, record_id)


def _kept(source: SourceConfig, record_id: str) -> str:
    text = record_id.strip()
    kept, _ = record_id_reader(source)(text) if text else (None, "")
    return kept if isinstance(kept, str) else record_id


@cache
def _sources() -> dict[str, SourceConfig]:
    return dict(load_sources())
