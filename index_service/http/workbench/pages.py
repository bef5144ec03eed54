"""Pages from templates: everything is escaped unless a template says otherwise, and an unknown name is an error."""

from __future__ import annotations

from functools import cache

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from index_service.http.workbench import cookies, links, plain_words, times
from index_service.http.workbench.cookies import Cookie
from index_service.http.workbench.desk import Desk, desk_of
from index_service.http.workbench.forms import FIELD, form_token, keep_form_key
from index_service.http.workbench.local_paths import page_to_stay_on
from index_service.http.workbench.navigation import destinations, is_here
from index_service.http.workbench.static_files import static_url

THEMES = ("light", "dark")


def page(request: Request, template: str, status: int = 200, **content: object) -> HTMLResponse:
    """Write a page. Beside `content` a template knows who is signed in, the theme, and the token of its forms."""
    html = _environment().get_template(template).render(_head(request), **content)
    response = HTMLResponse(html, status)
    keep_form_key(request, response)
    return response


def _head(request: Request) -> dict[str, object]:
    session = getattr(request.state, "session", None)
    desk: Desk = desk_of(request)
    theme = cookies.read(request, Cookie.THEME)
    path = request.scope["path"]
    return {
        "session": session,
        "theme": theme if theme in THEMES else None,
        "shortcuts": cookies.read(request, Cookie.SHORTCUTS) != "off",
        "form_token": _hidden(form_token(request)),
        "places": [(place, is_here(place, path)) for place in destinations(session)],
        "here": path,
        "back": page_to_stay_on(request),
        "zone": desk.zone,
        "idle_s": desk.rules.idle.total_seconds(),
        "longest_s": desk.rules.longest.total_seconds(),
    }


def _hidden(token: str) -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("index_service.http.workbench"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {
        "static": static_url,
        "person_link": links.person_link,
        "record_link": links.record_link,
        "person_path": links.person_path,
        "history_path": links.history_path,
        "record_path": links.record_path,
        "task_path": links.task_path,
        "run_path": links.run_path,
        "strength": plain_words.strength,
        "odds": plain_words.odds,
        "compared": plain_words.COMPARED,
        "icons": plain_words.ICONS,
    }
    environment.filters |= {
        "moment": times.moment,
        "clock": times.clock,
        "duration": times.duration,
        "sentence": plain_words.sentence,
    }
    return environment
