"""`person-index serve`: run the service."""

from __future__ import annotations

from typing import Annotated

import typer

from index_service.cli.application import app
from index_service.cli.options import examples
from index_service.cli.output import note


@app.command(epilog=examples("person-index serve", "person-index serve --port 8080", "person-index serve --workers 2"))
def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="Port; default 8000, 0 picks a free one."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=64, help="Processes that answer; default 1.")
    ] = None,
) -> None:
    """Run the service: the API under /v1, its documentation under /docs. Ctrl-C ends it in order."""
    from index_service.http.serve import serve as run
    from index_service.settings import Settings

    asked = {"host": host, "port": port, "workers": workers}
    settings = Settings().model_copy(update={name: value for name, value in asked.items() if value is not None})
    run(settings, announce=lambda url: note(f"Serving at {url} (documentation: {url}/docs). Ctrl-C stops it."))
