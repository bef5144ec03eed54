"""Runs the service: database, schema, listening, and an orderly end."""

from __future__ import annotations

import gc
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address

import structlog
import uvicorn

from index_service.errors import IndexServiceError
from index_service.http.app import create_app
from index_service.http.loopback import is_loopback, require_loopback
from index_service.http.workers import work_in_processes
from index_service.logs import Event, configure_logs
from index_service.settings import Settings
from index_service.store.connection import connect
from index_service.store.migrate import migrate
from index_service.store.roles import AnsweringLogin, prepare_answering
from index_service.store.server import STOPPING_SIGNALS, running_database

LOOPBACK_ONLY = "Loopback only: other machines reach the service through a proxy on this one, which speaks TLS."
BEHIND_PROXY = "The network: a proxy must stand before the service and speak TLS, for the service does not."
_END_S = 5  # beyond what requests have: to finish the writes accepted and close the connections
_STOPPING = (signal.SIGINT, *STOPPING_SIGNALS)
Announce = Callable[[str], None]
_log = structlog.get_logger()


class CannotListen(IndexServiceError):
    """The address to listen on cannot be had."""

    hint = "Is the service running already? Choose another port with PERSON_INDEX_PORT or --port; 0 picks a free one."


def serve(settings: Settings, announce: Announce | None = None) -> None:
    """Serve until SIGTERM, SIGHUP or Ctrl-C; then finish the requests under way, and stop the embedded database.

    Args:
        announce: told the base URL once the service listens.

    Raises:
        NotLoopback: the address would open the service to the network without TLS.
        AnsweringRoleMissing: the database has no role for answers.
        CannotListen: the port is taken.
        StoreError: the database does not start or answer.
    """
    require_loopback(settings.host, settings.public_url)
    configure_logs(settings.log_format)
    with _listening_socket(settings) as listening, running_database(settings) as url:
        with connect(url) as conn:
            migrate(conn)
            prepare_answering(conn, AnsweringLogin.of(url, settings))
        settings = settings.model_copy(update={"port": listening.getsockname()[1]})  # tokens name it; 0 was any
        base_url = _base_url(listening)

        def ready() -> None:
            _log.info(
                Event.SERVING,
                url=base_url,
                reach=LOOPBACK_ONLY if is_loopback(settings.host) else BEHIND_PROXY,
                workers=settings.workers,
            )
            if announce:
                announce(base_url)

        if settings.workers == 1:
            _answer(url, settings, listening, ready)
        else:
            work = partial(_work, url, settings)
            work_in_processes(work, settings.workers, listening, ready, settings.shutdown_s + _END_S)
    _log.info(Event.STOPPED)


def _work(url: str, settings: Settings, listening: socket.socket, ready: Callable[[], None]) -> None:
    """What one of several worker processes does."""
    configure_logs(settings.log_format)
    _answer(url, settings, listening, ready)


def _answer(url: str, settings: Settings, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Answer requests until a signal ends it."""
    _AnnouncingServer(_configuration(url, settings), ready).run(sockets=[listening])


def settle_memory() -> None:
    """What lives as long as the service is looked through for garbage no more, and the rest more seldom.

    Requests leave next to none behind, and the looking took a fifteenth of their time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


class _AnnouncingServer(uvicorn.Server):
    """Says when it listens; a signal ends it in order and without an exception."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        settle_memory()
        if self.started:
            self.ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Any of the stopping signals begins the orderly end, and has then had its effect."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _STOPPING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _configuration(url: str, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(url, settings),
        log_config=None,
        access_log=False,  # paths hold record ids; our own line names the route
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_s,
    )


def _listening_socket(settings: Settings) -> socket.socket:
    host = "127.0.0.1" if settings.host.lower() == "localhost" else settings.host
    family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, settings.port))
        listening.listen(1024)  # bound alone, a second service could bind too
    except OSError as error:
        listening.close()
        raise CannotListen(f"Cannot listen on {host} port {settings.port}: {error.strerror}.") from None
    return listening


def _base_url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
