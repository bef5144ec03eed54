"""Until access control exists, the service is for its own machine only."""

from __future__ import annotations

from ipaddress import ip_address

from index_service.errors import UsageError


class NotLoopback(UsageError):
    """The service listens on loopback addresses only."""

    hint = "Until access control exists, use 127.0.0.1 or ::1; others on the network could read every person."


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine. Other names are not looked up: they may change."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def require_loopback(host: str) -> None:
    """Raises NotLoopback unless the address to listen on is one of this machine only."""
    if not is_loopback(host):
        raise NotLoopback(
            f"The service does not listen on {host}: it would be open to the network without access control."
        )
