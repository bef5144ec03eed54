"""Access tokens for `index_service.client`, from the service's own token endpoint: kept as long as they last.

tokens = ClientTokens("https://index.county.example", "my-app", Path("my-app.key.json"), ["index/read"])
with PersonIndexClient("https://index.county.example", token=tokens, purpose="TREAT") as index:
    ...
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

from index_service.access.asking import ask_for_token

RENEWED_BEFORE_S = 30.0
"""So long before its end a token is no longer used: a request may take that long."""


class ClientTokens:
    """Gives a token that is valid now, and asks for another when the one it has is about to end. For several threads.

    Args:
        base_url: of the service.
        key_file: the client's private key, as `person-index clients add --generate-key` writes it.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        key_file: Path,
        scopes: Sequence[str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asked = (base_url, client_id, key_file, tuple(scopes))
        self._clock = clock
        self._token = ""
        self._until = -1.0
        self._asking = Lock()

    def __call__(self) -> str:
        """A bearer token.

        Raises:
            KeyFileUnusable: the file holds no private key, or is open to others.
            NoToken: the service does not answer, or refuses.
        """
        with self._asking:
            if self._clock() >= self._until:
                asked_at = self._clock()
                given = ask_for_token(*self._asked)
                self._token = str(given["access_token"])
                self._until = asked_at + float(given["expires_in"]) - RENEWED_BEFORE_S
            return self._token
