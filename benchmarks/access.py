"""What letting a caller in costs: `python -m benchmarks.access` prints microseconds of processor time as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from config.purposes import load_purposes
from index_service.access.callers import Admission, Clients
from index_service.access.signing_keys import SigningKeys
from index_service.access.tokens import TokenVerifier, issue, ourselves
from index_service.store.access import Client, Limits

TOKENS, ROUNDS = 200, 50
_UNLIMITED = Limits(requests_per_second=1e9, burst=10**9, not_found_per_minute=10**6)
_CLIENT = Client("county", "county", "Invented County", ("index/read",), ("TREAT",), limits=_UNLIMITED)
_ISSUER = "http://localhost"


async def measure(folder: Path) -> dict[str, float]:
    """Issuing, verifying, verifying again, and letting in with all checks, each per token or request."""
    purposes = load_purposes()
    keys = SigningKeys(folder / "signing-keys.json")
    bound = {"TREAT": purposes.system_of("TREAT")}

    async def new_token(_: str) -> str:
        return issue(
            _CLIENT, issuer=_ISSUER, keys=keys, scopes=("index/read",), purposes=bound, user=None, now=time.time()
        ).text

    tokens = [await new_token("") for _ in range(TOKENS)]
    verifier = TokenVerifier(ourselves([_ISSUER], keys, time.time), purposes)

    async def read(_: str) -> Client:
        return _CLIENT

    admission = Admission(verifier, Clients(read), purposes)
    return {
        "issue_us": await _each_us(new_token, tokens),
        "verify_us": await _each_us(verifier.verify, tokens),
        "verify_again_us": await _each_us(verifier.verify, tokens * ROUNDS),
        "admit_us": await _each_us(lambda token: admission.admit([f"Bearer {token}"], ["TREAT"]), tokens * ROUNDS),
    }


async def _each_us(do: Callable[[str], Awaitable[object]], tokens: Sequence[str]) -> float:
    began = time.process_time()
    for token in tokens:
        await do(token)
    return round((time.process_time() - began) / len(tokens) * 1e6, 1)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        json.dump(asyncio.run(measure(Path(folder))), sys.stdout, indent=2)


if __name__ == "__main__":
    main()
