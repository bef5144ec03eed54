"""Routes whose path parameters are whole segments of the path as it was sent.

The server hands on the path decoded, in which an id with a slash (`%2F`) cannot be told from two ids. Here the path
is matched as sent, and each parameter decoded by itself: any id works, wherever in the path it stands.
"""

from __future__ import annotations

from urllib.parse import unquote

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope


class EncodedPathRoute(APIRoute):
    """A route that is matched against the path as sent."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches({**scope, "path": _as_sent(scope)})
        if match is not Match.NONE:
            found["path_params"] = {name: unquote(value) for name, value in found["path_params"].items()}
        return match, found


def _as_sent(scope: Scope) -> str:
    sent: bytes = scope.get("raw_path") or b""
    return sent.partition(b"?")[0].decode("ascii", "replace") or str(scope["path"])
