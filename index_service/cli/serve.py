"""`person-index serve`: run the service."""

from __future__ import annotations

from typing import Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import examples
from index_service.cli.output import note


@app.command(epilog=examples("person-index serve", "person-index serve --port 8080"))
def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="Port; default 8000, 0 picks a free one."),
    ] = None,
) -> None:
    """Run the service: the API under /v1, its documentation under /docs. Ctrl-C ends it in order."""
    from index_service.http.serve import serve as run
    from index_service.settings import Settings

    asked = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = Settings().model_copy(update=asked)
    run(settings, announce=lambda url: note(f"Serving at {url} (documentation: {url}/docs). Ctrl-C stops it."))
