"""All commands, in the order in which `person-index --help` lists them."""

from __future__ import annotations

from index_service.cli import (  # isort: skip - the order is that of the help
    demo,
    serve,
    load,
    train,
    blocking,
    relink,
    nightly,
    review,
    evaluate,
    link,
    compare,
    export,
    accounts,
    clients,
    keys,
    agreements,
    consents,
    relationships,
    ledger,
    check,
)

__all__ = [
    "accounts",
    "agreements",
    "blocking",
    "check",
    "clients",
    "compare",
    "consents",
    "demo",
    "evaluate",
    "export",
    "keys",
    "ledger",
    "link",
    "load",
    "nightly",
    "relationships",
    "relink",
    "review",
    "serve",
    "train",
]
