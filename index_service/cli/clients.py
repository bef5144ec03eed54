"""`person-index clients`: who may call the service."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from index_service.cli.application import app
from index_service.cli.options import AsJson, examples
from index_service.cli.output import answer
from index_service.cli.whoever import who_runs

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

    from index_service.store.access import ClientVersion

clients = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Register the programs that may call the API.")
app.add_typer(
    clients,
    name="clients",
    epilog=examples(
        "person-index clients add calsaws-nightly --organisation 'County HSA' --scope index/read --purpose ELIGVER \\",
        "    --generate-key calsaws-nightly.key.json",
        "person-index clients list",
    ),
)

ClientId = Annotated[str, typer.Argument(metavar="CLIENT", help="Id of the client.", show_default=False)]
Scopes = Annotated[
    list[str] | None, typer.Option("--scope", metavar="SCOPE", help="May ask for it; give it several times.")
]
PurposesOfUse = Annotated[
    list[str] | None,
    typer.Option("--purpose", metavar="CODE", help="May state it as purpose of use; give it several times."),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the change.")]
JwksFile = Annotated[
    Path | None, typer.Option("--jwks", metavar="FILE", help="Its public keys: a JWK Set or one JWK, as JSON.")
]
GenerateKey = Annotated[
    Path | None,
    typer.Option("--generate-key", metavar="FILE", help="Make a key pair; the private key goes to FILE, mode 600."),
]
PerSecond = Annotated[
    float | None, typer.Option("--requests-per-second", min=0.01, help="In the long run, in each process; default 50.")
]
Burst = Annotated[int | None, typer.Option("--burst", min=1, help="Requests at once; default 200.")]
NotFoundPerMinute = Annotated[
    int | None,
    typer.Option("--not-found-per-minute", min=1, help="Look-ups that may find nothing before it waits; default 60."),
]


@clients.command(
    epilog=examples(
        "person-index clients add demo --scope index/read --purpose TREAT --generate-key demo.key.json",
        "person-index clients add calsaws --organisation 'County HSA' --scope index/read --purpose ELIGVER \\",
        "    --jwks-url https://calsaws.example/jwks.json",
    )
)
def add(
    client: ClientId,
    scope: Scopes = None,
    purpose: PurposesOfUse = None,
    name: Annotated[str, typer.Option("--name", help="What it is, in words; default the id.")] = "",
    organisation: Annotated[str, typer.Option("--organisation", help="Who answers for it.")] = "",
    jwks: JwksFile = None,
    jwks_url: Annotated[str | None, typer.Option("--jwks-url", help="Where it publishes its public keys.")] = None,
    generate_key: GenerateKey = None,
    issuer: Annotated[
        str | None, typer.Option("--issuer", help="Outside issuer whose tokens it uses; see PERSON_INDEX_ISSUERS.")
    ] = None,
    requests_per_second: PerSecond = None,
    burst: Burst = None,
    not_found_per_minute: NotFoundPerMinute = None,
    reason: Reason = "registered",
    as_json: AsJson = False,
) -> None:
    """Register a client: which scopes it may ask for and which purposes of use it may state.

    Its keys come from a file, from a URL that it keeps, or are made here. What it then sees of whom is said by the
    data-sharing agreements.
    """
    from config.purposes import load_purposes
    from index_service.access.clients import Registration, add
    from index_service.access.signing_keys import now_utc
    from index_service.database import open_database

    made = _made_key(generate_key)
    wanted = Registration(
        client_id=client,
        name=name or client,
        organisation=organisation or client,
        scopes=tuple(scope or ()),
        purposes=tuple(purpose or ()),
        jwks=_key_document(jwks, made),
        jwks_url=jwks_url,
        issuer=issuer,
        limits=_limits(requests_per_second, burst, not_found_per_minute),
    )
    with open_database() as conn, conn.transaction():
        version = add(conn, wanted, load_purposes(), who=who_runs(), reason=reason, now=now_utc())
        _keep(made, generate_key)
    lines = [f"Client {client} is registered.", *_how_to_get_a_token(version, generate_key)]
    answer(_figures(version) | _key_figures(generate_key), lines, as_json=as_json)


@clients.command(
    epilog=examples(
        "person-index clients rotate demo --generate-key demo.new.json",
        "person-index clients rotate demo --jwks new.json --overlap-days 0 --reason 'key was in a lost laptop'",
    )
)
def rotate(
    client: ClientId,
    jwks: JwksFile = None,
    generate_key: GenerateKey = None,
    overlap_days: Annotated[
        float, typer.Option("--overlap-days", min=0, help="Days that its present keys go on; 0 ends them at once.")
    ] = 7,
    reason: Reason = "rotated",
    as_json: AsJson = False,
) -> None:
    """Give a client a new key beside the one it has, which ends after the overlap."""
    from index_service.access.clients import rotate
    from index_service.access.errors import ClientRefused
    from index_service.access.signing_keys import now_utc
    from index_service.database import open_database

    if (jwks is None) == (generate_key is None):
        raise ClientRefused("Which is the new key?", hint="Give --jwks FILE, or --generate-key FILE.")
    made = _made_key(generate_key)
    document = _key_document(jwks, made)
    with open_database() as conn, conn.transaction():
        version = rotate(
            conn, client, document, who=who_runs(), reason=reason, now=now_utc(), overlap=timedelta(days=overlap_days)
        )
        _keep(made, generate_key)
    lines = [f"Client {client} has a new key.", *_key_lines(version), *_how_to_get_a_token(version, generate_key)]
    answer(_figures(version) | _key_figures(generate_key), lines, as_json=as_json)


@clients.command(epilog=examples("person-index clients disable demo --reason 'contract has ended'"))
def disable(client: ClientId, reason: Reason = "disabled", as_json: AsJson = False) -> None:
    """Turn a client away: it gets no token, and within a second those that it has are refused."""
    _set_status(client, "disabled", reason, as_json)


@clients.command(epilog=examples("person-index clients enable demo --reason 'contract renewed'"))
def enable(client: ClientId, reason: Reason = "enabled", as_json: AsJson = False) -> None:
    """Let a disabled client in again."""
    _set_status(client, "active", reason, as_json)


def _set_status(client: str, status: Any, reason: str, as_json: bool) -> None:
    from index_service.access.clients import set_status
    from index_service.database import open_database

    with open_database() as conn:
        version = set_status(conn, client, status, who=who_runs(), reason=reason)
    answer(_figures(version), [f"Client {client} is {status}."], as_json=as_json)


@clients.command(
    epilog=examples(
        "person-index clients change demo --scope index/read --scope index/resolve --reason 'now resolves too'",
        "person-index clients change demo --requests-per-second 5 --burst 20",
    )
)
def change(
    client: ClientId,
    scope: Scopes = None,
    purpose: PurposesOfUse = None,
    requests_per_second: PerSecond = None,
    burst: Burst = None,
    not_found_per_minute: NotFoundPerMinute = None,
    reason: Reason = "changed",
    as_json: AsJson = False,
) -> None:
    """Replace a client's scopes, purposes of use or limits; what is not named stays."""
    from config.purposes import load_purposes
    from index_service.access.clients import change
    from index_service.database import open_database

    limits = {
        "requests_per_second": requests_per_second,
        "burst": burst,
        "not_found_per_minute": not_found_per_minute,
    }
    with open_database() as conn:
        version = change(
            conn,
            client,
            load_purposes(),
            who=who_runs(),
            reason=reason,
            scopes=scope or (),
            purposes_of_use=purpose or (),
            limits={name: value for name, value in limits.items() if value is not None},
        )
    answer(_figures(version), [f"Client {client} is changed.", *_description(version)], as_json=as_json)


@clients.command("list", epilog=examples("person-index clients list", "person-index clients list --json"))
def list_clients(as_json: AsJson = False) -> None:
    """List the clients, disabled ones too."""
    from rich.table import Table

    from index_service.database import open_database
    from index_service.store.access import clients

    with open_database() as conn:
        found = clients(conn)
    table = Table(
        "client", "organisation", "status", "scopes", "purposes", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for version in found:
        client = version.client
        table.add_row(
            client.client_id, client.organisation, client.status, " ".join(client.scopes), " ".join(client.purposes)
        )
    empty = "There are no clients. Register one: person-index clients add --help"
    answer({"clients": [_figures(version) for version in found]}, [table if found else empty], as_json=as_json)


@clients.command(epilog=examples("person-index clients show demo"))
def show(client: ClientId, as_json: AsJson = False) -> None:
    """Show a client, its keys, and every change that was made to it."""
    from index_service.access.clients import history
    from index_service.database import open_database

    with open_database() as conn:
        versions = history(conn, client)
    latest = versions[-1]
    told = [f"  {v.client.version}. {v.changed_at:%Y-%m-%d %H:%M} {v.changed_by}: {v.reason}" for v in versions]
    lines = [*_description(latest), *_key_lines(latest), "changes:", *told]
    answer(_figures(latest) | {"changes": [_figures(v) for v in versions]}, lines, as_json=as_json)


@clients.command(
    epilog=examples(
        "person-index clients token demo --key demo.key.json --scope index/read",
        "TOKEN=$(person-index clients token demo --key demo.key.json --scope index/read)",
    )
)
def token(
    client: ClientId,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Its private key, as --generate-key wrote it.")],
    scope: Annotated[list[str], typer.Option("--scope", metavar="SCOPE", help="For the token; several times.")],
    url: Annotated[
        str | None, typer.Option("--url", help="Base URL of the service; default http://127.0.0.1:8000.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a running service for an access token, as the client would; prints the token and nothing else."""
    from index_service.access.asking import ask_for_token
    from index_service.settings import Settings

    given = ask_for_token(url or Settings().base_urls()[0], client, key, scope)
    answer(given, [str(given["access_token"])], as_json=as_json)


# --- keys -------------------------------------------------------------------------------------------------------------


def _made_key(file: Path | None) -> ECKey | None:
    from index_service.access.clients import new_client_key

    return None if file is None else new_client_key()


def _key_document(file: Path | None, made: ECKey | None) -> object:
    """The public keys of a registration: of the file, or of the key just made."""
    from index_service.access.errors import ClientRefused, KeyFileUnusable

    if file is not None and made is not None:
        raise ClientRefused("Two keys are given.", hint="Give --jwks FILE, or --generate-key FILE.")
    if made is not None:
        return dict(made.as_dict(private=False))
    if file is None:
        return None
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        raise KeyFileUnusable(f"{file} is not JSON.", hint="Give a JWK Set or a JWK.") from None


def _keep(made: ECKey | None, file: Path | None) -> None:
    from index_service.access.signing_keys import write_private

    if made is not None and file is not None:
        write_private(file, json.dumps(made.as_dict(private=True), indent=1) + "\n")


# --- what is told -----------------------------------------------------------------------------------------------------


def _how_to_get_a_token(version: ClientVersion, file: Path | None) -> Iterator[str]:
    from index_service.settings import Settings

    client = version.client
    if client.issuer is not None:
        yield f"It brings tokens of {client.issuer}, whose keys and audience PERSON_INDEX_ISSUERS names."
        return
    if file is not None:
        scopes = " ".join(f"--scope {scope}" for scope in client.scopes)
        yield f"Its private key is in {file}; it is nowhere else."
        yield "With the service running (person-index serve), get a token and use it:"
        yield f"  TOKEN=$(person-index clients token {client.client_id} --key {file} {scopes})"
        base = Settings().base_urls()[0]
        yield f'  curl -H "Authorization: Bearer $TOKEN" -H "X-Purpose-Of-Use: {client.purposes[0]}" {base}/v1/events'
    yield f"Programs post a signed assertion to {Settings().base_urls()[0]}/oauth/token: see docs/integrating.md."


def _description(version: ClientVersion) -> Iterable[str]:
    client, limits = version.client, version.client.limits
    yield f"{client.client_id}: {client.name}, {client.organisation}; {client.status}"
    yield f"  scopes: {' '.join(client.scopes)}"
    yield f"  purposes of use: {' '.join(client.purposes)}"
    yield (
        f"  limits: {limits.requests_per_second:g} requests a second, {limits.burst} at once, "
        f"{limits.not_found_per_minute} a minute that find nothing"
    )


def _key_lines(version: ClientVersion) -> Iterable[str]:
    client = version.client
    if client.jwks_url or client.issuer:
        yield f"  keys: {client.jwks_url or f'those of {client.issuer}'}"
    for key in client.keys:
        until = f"until {key.valid_to:%Y-%m-%d %H:%M}" if key.valid_to else "until it is rotated"
        yield f"  key {key.kid}: from {key.valid_from:%Y-%m-%d %H:%M}, {until}"


def _figures(version: ClientVersion) -> dict[str, Any]:
    client = version.client
    return {
        "client_id": client.client_id,
        "version": client.version,
        "name": client.name,
        "organisation": client.organisation,
        "status": client.status,
        "scopes": client.scopes,
        "purposes": client.purposes,
        "issuer": client.issuer,
        "jwks_url": client.jwks_url,
        "keys": [{"kid": key.kid, "valid_from": key.valid_from, "valid_to": key.valid_to} for key in client.keys],
        "requests_per_second": client.limits.requests_per_second,
        "burst": client.limits.burst,
        "not_found_per_minute": client.limits.not_found_per_minute,
        "reason": version.reason,
        "changed_by": version.changed_by,
        "changed_at": version.changed_at,
    }


def _key_figures(file: Path | None) -> dict[str, Any]:
    return {} if file is None else {"key_file": str(file)}


def _limits(requests_per_second: float | None, burst: int | None, not_found_per_minute: int | None) -> Any:
    from index_service.store.access import Limits

    usual = Limits()
    return Limits(
        requests_per_second or usual.requests_per_second,
        burst or usual.burst,
        not_found_per_minute or usual.not_found_per_minute,
    )
