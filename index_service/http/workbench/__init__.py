"""The steward workbench under /workbench: pages from the server that work without script."""

from __future__ import annotations

from index_service.http.workbench.application import add_workbench

__all__ = ["add_workbench"]
