"""The pieces of a report page: a figure, a table, a section; and the page that holds them in one file.

Everything that is not already `Html` is escaped here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import NewType

from training.evaluation.report.plots import dark_theme

Html = NewType("Html", str)

Section = tuple[str, str, Html]
"""Anchor, title and content of a part of the page."""

_DARK_PAGE = """
  :root {
    --page: #14181c; --card: #1a1f25; --ink: #e6e9ec; --muted: #a3adb8; --line: #353d46; --link: #6cb4ff;
    --shade-1: #5a2d10; --shade-2: #42291a; --shade-3: #262c33; --shade-4: #1d3247; --shade-5: #1c4266;
  }
"""


def paragraph(words: str, kind: str = "") -> Html:
    return Html(f"<p{_class(kind)}>{escape(words)}</p>")


def heading(words: str) -> Html:
    """A heading within a section."""
    return Html(f"<h3>{escape(words)}</h3>")


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def section(anchor: str, title: str, *parts: Html) -> Html:
    """A part of the page under its own heading."""
    return Html(
        f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{escape(title)}</h2>\n{"".join(parts)}</section>\n'
    )


def figure(drawing: str, *, alt: str, how_to_read: str) -> Html:
    """A plot with what it shows, for those who cannot see it, and how to read it, for everybody."""
    return Html(
        f'<figure><div class="plot" role="img" aria-label="{escape(alt, quote=True)}" tabindex="0">{drawing}</div>'
        f"<figcaption>{escape(how_to_read)}</figcaption></figure>\n"
    )


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> Html:
    """A table whose first column names the row; `words`: so many columns hold words, the others figures."""
    head = "".join(
        f'<th scope="col"{_class("number" if place >= words else "")}>{escape(name)}</th>'
        for place, name in enumerate(columns)
    )
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(
            f"<td{_class('number' if place >= words else '')}>{escape(cell)}</td>"
            for place, cell in enumerate(row[1:], start=1)
        )
        + "</tr>"
        for row in rows
    )
    return _scrolling(
        caption,
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>",
    )


def matrix(caption: str, names: Sequence[str], cells: dict[tuple[str, str], tuple[str, str, int]]) -> Html:
    """A table of names by names; each cell a figure, a note under it, and a shade from 1 (bad) to 5 (good)."""
    head = "".join(f'<th scope="col"><span>{escape(name)}</span></th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{_breakable(row)}</th>{"".join(_cell(cells.get((row, column))) for column in names)}</tr>'
        for row in names
    )
    return _scrolling(
        caption,
        f'<table class="matrix"><caption>{escape(caption)}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>",
    )


def _breakable(name: str) -> str:
    """A long technical name may break after its underscores."""
    return escape(name).replace("_", "_<wbr>")


def _cell(cell: tuple[str, str, int] | None) -> str:
    if cell is None:
        return "<td></td>"
    value, note, shade = cell
    return f'<td class="shade-{shade}">{escape(value)}<small>{escape(note)}</small></td>'


def _scrolling(caption: str, inner: str) -> Html:
    """A wide table scrolls by itself, by keyboard too, so that the page need not."""
    name = escape(caption, quote=True)
    return Html(f'<div class="scroll" role="region" aria-label="{name}" tabindex="0">{inner}</div>\n')


def tiles(entries: Sequence[tuple[str, str, str]]) -> Html:
    """The few figures to see first: name, value, note."""
    inner = "".join(
        f'<div><dt>{escape(name)}</dt><dd class="value">{escape(value)}</dd><dd class="note">{escape(note)}</dd></div>'
        for name, value, note in entries
    )
    return Html(f'<dl class="tiles">{inner}</dl>\n')


def folded(summary: str, *parts: Html) -> Html:
    """Figures that only some readers want, behind a line to open."""
    return Html(f"<details><summary>{escape(summary)}</summary>{''.join(parts)}</details>\n")


def block(kind: str, *parts: Html) -> Html:
    """Parts that belong together; `kind` is what the stylesheet calls them."""
    return Html(f"<div{_class(kind)}>{''.join(parts)}</div>\n")


def together(*parts: Html) -> Html:
    return Html("".join(parts))


def page(title: str, lead: str, opening: Html, sections: Sequence[Section], footer: str) -> str:
    """One self-contained file: it opens offline, runs nothing and is told to load nothing.

    Args:
        opening: stands before the first section.
        sections: in order; they make the list of contents.
    """
    contents = "".join(f'<li><a href="#{anchor}">{escape(name)}</a></li>' for anchor, name, _ in sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_stylesheet()}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#content">To the content</a>\n'
        f"<header><h1>{escape(title)}</h1>{paragraph(lead, 'lead')}"
        f'<nav aria-label="Contents"><ul>{contents}</ul></nav></header>\n'
        f'<main id="content">{opening}{"".join(section(*part) for part in sections)}</main>\n'
        f"<footer>{paragraph(footer)}</footer>\n</body>\n</html>\n"
    )


def _stylesheet() -> str:
    sheet = resources.files("training.evaluation.report").joinpath("report.css").read_text(encoding="utf-8")
    return f"{sheet}@media screen and (prefers-color-scheme: dark) {{{_DARK_PAGE}{dark_theme()}\n}}\n"
