"""The service listens on its own machine, unless it is said under which https name a proxy puts it before others.

The service itself speaks no TLS: tokens and answers would pass the network in clear. That is the proxy's job.
"""

from __future__ import annotations

from ipaddress import ip_address

from index_service.errors import UsageError


class NotLoopback(UsageError):
    """The service listens on loopback addresses only, as long as no https name of a proxy is known."""

    hint = (
        "Use 127.0.0.1 or ::1 and let a proxy on this machine speak TLS; or, where the proxy is another machine, name "
        "the https address under which it is reached in PERSON_INDEX_PUBLIC_URL."
    )


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine. Other names are not looked up: they may change."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def require_loopback(host: str, public_url: str | None = None) -> None:
    """Raises NotLoopback unless the address is one of this machine, or a proxy speaks TLS before the service."""
    if not is_loopback(host) and not (public_url or "").startswith("https://"):
        raise NotLoopback(f"The service does not listen on {host}: tokens would pass the network without TLS.")
