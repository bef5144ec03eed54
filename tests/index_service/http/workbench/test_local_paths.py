"""A redirect never leaves the workbench, whatever is asked for."""

from __future__ import annotations

import re
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_service.http.workbench.local_paths import HOME, local_path, with_wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/workbench/",
        "//evil.example/workbench/",
        "/workbench//evil.example",
        "/workbench/../docs",
        "/workbench/%2e%2e/docs",
        "/workbench/a/%2E./b",
        "/workbench/..%2fdocs",
        "/workbench/\\evil.example",
        "/workbench/%5cevil.example",
        "/workbench/\t/evil",
        "/workbench/a\nSet-Cookie: x=1",
        "/workbenchevil",
        "/docs",
        "javascript:alert(1)",
        "workbench/",
        " /workbench/",
        "/workbench/sign-out",
        "/workbench/sign-in?next=/workbench/",
        "/workbench/" + "a" * 2000,
        "",
        None,
    ],
)
def test_what_is_no_page_of_ours_becomes_the_first_page(wanted: str | None) -> None:
    assert local_path(wanted) == HOME


@pytest.mark.parametrize("wanted", ["/workbench/tasks/17", "/workbench/tasks?kind=twin&after=3", "/workbench/p/K7Q2-M"])
def test_a_page_of_ours_stays(wanted: str) -> None:
    assert local_path(wanted) == wanted
    assert unquote(with_wanted("/workbench/sign-in", wanted)) == f"/workbench/sign-in?next={wanted}"


PIECES = st.sampled_from(
    [
        "/workbench/",
        "/",
        "//",
        "\\",
        "..",
        ".",
        "%2e",
        "%2f",
        "%5c",
        "\t",
        "\n",
        "@",
        ":",
        "evil.example",
        "?",
        "#",
        "a",
    ]
)


@given(st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=8).map("".join), st.text().map("/workbench/".__add__)))
def test_open_redirects_are_impossible(wanted: str) -> None:
    target = local_path(wanted)
    seen_by_a_browser = re.sub(r"[\t\r\n]", "", target).replace("\\", "/")  # as the URL standard has it
    for base in ("http://localhost:8000/workbench/sign-in", "https://index.county.example/workbench/a/b"):
        led_to = urlsplit(urljoin(base, seen_by_a_browser))
        assert (led_to.scheme, led_to.netloc) == urlsplit(base)[:2]
        assert led_to.path.startswith(HOME)
        assert ".." not in unquote(led_to.path).split("/")
    assert target.isprintable()
