"""A browser and its system in a few words, so that a person knows a session again; no more is kept of them."""

from __future__ import annotations

from fastapi import Request

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrom", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def agent_of(request: Request) -> str:
    """As "Firefox on Windows"."""
    told = request.headers.get("user-agent", "")
    browser = next((name for mark, name in _BROWSERS if mark in told), "A browser")
    system = next((name for mark, name in _SYSTEMS if mark in told), "an unknown system")
    return f"{browser} on {system}"
