"""Style, script and icon, under names that change with their content, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from index_service.http.workbench.local_paths import MOUNTED_AT

router = APIRouter()
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is served."""

    name: str
    media_type: str
    content: bytes


@router.get("/static/{name}")
async def read_static_file(name: str) -> Response:
    """The file; 404 for a name of another content."""
    file = _served().get(name)
    if file is None:
        raise HTTPException(404)
    keep = "public, max-age=31536000, immutable"
    return Response(file.content, media_type=file.media_type, headers={"Cache-Control": keep})


def static_url(name: str) -> str:
    """The path of a file in `static/`, by its plain name."""
    return f"{MOUNTED_AT}/static/{_names()[name]}"


@cache
def _names() -> dict[str, str]:
    return {plain: file.name for plain, file in _files().items()}


@cache
def _served() -> dict[str, StaticFile]:
    return {file.name: file for file in _files().values()}


@cache
def _files() -> dict[str, StaticFile]:
    folder = resources.files("index_service.http.workbench") / "static"
    return {
        file.name: _static_file(file.name, file.read_bytes())
        for file in folder.iterdir()
        if file.name.rpartition(".")[2] in _TYPES
    }


def _static_file(name: str, content: bytes) -> StaticFile:
    stem, _, ending = name.rpartition(".")
    digest = hashlib.sha256(content).hexdigest()[:12]
    return StaticFile(f"{stem}.{digest}.{ending}", _TYPES[ending], content)
