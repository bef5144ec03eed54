"""Workers that do nothing but wait, and a program that runs two of them."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable

from index_service.http.workers import WorkerDidNotStart, work_in_processes


def idle(_listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve nothing until a signal ends it."""
    ready()
    signal.pause()


def fail(_listening: socket.socket, _ready: Callable[[], None]) -> None:
    """End before serving."""


def main(name: str) -> None:
    """Run two workers; says when they are ready and when they have ended."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        try:
            work_in_processes({"idle": idle, "fail": fail}[name], 2, listening, lambda: say("ready"), end_s=5)
        except WorkerDidNotStart as error:
            say(str(error))
    say("ended")


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
