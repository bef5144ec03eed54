"""All commands, in the order in which `person-index --help` lists them."""

from __future__ import annotations

from index_service.cli import compare, link, load

__all__ = ["compare", "link", "load"]
