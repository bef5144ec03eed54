"""The reports: one file that opens offline, loads nothing, and can be read by everybody."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.training.evaluation.invented import RULES, FitReport, Model, facts, invented
from training.evaluation.evaluate import evaluate
from training.evaluation.report import evaluation_report, training_report
from training.evaluation.report.plots import PALETTE

VOID = {"meta", "input", "br", "wbr", "img", "link", "hr"}


class Page(HTMLParser):
    """What a reader of the page's structure sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "text", "tspan"):
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def evaluation_html(tmp_path_factory: pytest.TempPathFactory) -> str:
    given = invented()
    found = evaluate(given.predicted, given.truth, pairs=given.pairs, how=facts())
    path = tmp_path_factory.mktemp("report") / "evaluation.html"
    evaluation_report(found, path)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def training_html(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "training.html"
    training_report(Model(), path, report=FitReport())
    return path.read_text(encoding="utf-8")


@pytest.fixture(params=["evaluation_html", "training_html"])
def html(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def test_the_file_runs_nothing_and_refers_to_nothing_outside_itself(html: str) -> None:
    page = Page(html)
    assert page.open == []
    assert not page.all("script") and not page.all("link") and not page.all("img") and not page.all("iframe")
    assert not re.search(r"https?:|//[a-z]|@import|\bsrc=|javascript:|\son\w+=", html)
    targets = [attributes["href"] for attributes in page.all("a")]
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert targets and all(target and target.startswith("#") and target[1:] in ids for target in targets)


def test_no_two_elements_share_an_id_and_drawings_use_their_own(html: str) -> None:
    ids = Counter(attributes["id"] for _, attributes in Page(html).tags if "id" in attributes)
    assert ids and max(ids.values()) == 1
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(ids)


def test_every_plot_has_a_description_a_caption_and_its_figures_as_a_table(html: str) -> None:
    page = Page(html)
    drawings = [attributes for attributes in page.all("div") if attributes.get("class") == "plot"]
    assert len(drawings) == len(page.all("figure")) == len(page.all("figcaption")) == len(page.all("svg")) >= 3
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in drawings)
    assert len(page.all("table")) >= len(drawings) - 1


def test_headings_stand_in_order_and_tables_say_what_their_cells_are(html: str) -> None:
    page = Page(html)
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert page.all("html")[0]["lang"] == "en"
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))


def test_every_colour_drawn_has_a_dark_counterpart_with_enough_contrast(html: str) -> None:
    drawings = "".join(re.findall(r"<svg .*?</svg>", html, flags=re.DOTALL))
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{3,6})"', drawings))
    light = {colour.light for colour in PALETTE}
    assert used and used <= light
    grid = next(colour for colour in PALETTE if colour.light == "#d9dfe5")
    for colour in set(PALETTE) - {grid}:
        assert contrast(colour.light, "#ffffff") >= 4.5
        assert contrast(colour.dark, "#1a1f25") >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def drawing(html: str, section: str) -> str:
    """The drawings of a section."""
    found = re.search(rf'<section aria-labelledby="{section}">(.*?)</section>', html, flags=re.DOTALL)
    assert found, f"no section {section}"
    return "".join(re.findall(r"<svg .*?</svg>", found.group(1), flags=re.DOTALL))


def test_the_plots_show_the_figures(evaluation_html: str) -> None:
    relations = drawing(evaluation_html, "false-links")
    assert [f">{count}<" in relations for count in (3, 4)] == [True, True]
    assert drawing(evaluation_html, "worst").count(">+8.0<") == 4
    assert {"review", "link"} <= set(re.findall(r">(\w+)</text>", drawing(evaluation_html, "weights")))
    groups = drawing(evaluation_html, "subgroups")
    assert "is twin" in groups and "name group: hmong" in groups
    # a dot per subgroup in each of the two panels
    assert groups.count('fill="#0b62b0"') == 2 * 4


def test_every_section_asked_for_is_there(evaluation_html: str, training_html: str) -> None:
    def sections(html: str) -> list[str | None]:
        return [attributes["aria-labelledby"] for attributes in Page(html).all("section")]

    assert sections(evaluation_html) == [
        "scores", "subgroups", "sources", "false-links", "missed-links", "calibration", "membership", "thresholds",
        "weights", "worst", "levels", "blocking",
    ]  # fmt: skip
    assert sections(training_html) == ["levels", "trace", "frequencies", "generic", "blocking", "statistics"]


def test_generic_values_are_counted_and_not_shown(training_html: str) -> None:
    assert "digest-of" not in training_html
    assert '<th scope="row">phone</th><td class="number">2</td>' in training_html


def test_text_from_data_is_escaped(training_html: str) -> None:
    assert "<invented>" not in training_html and "&lt;invented&gt;" in training_html


def test_a_fit_that_did_not_settle_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "unsettled.html"
    training_report(Model(), path, report=FitReport(converged=False))
    assert "had not settled" in path.read_text(encoding="utf-8")


def test_what_is_not_known_has_no_section(tmp_path: Path) -> None:
    given = invented()
    bare = given.truth.select(["source", "source_record_id", "person"])
    path = tmp_path / "bare.html"
    evaluation_report(evaluate(given.predicted.drop_columns(["probability"]), bare), path)
    page = Page(path.read_text(encoding="utf-8"))
    assert [attributes["aria-labelledby"] for attributes in page.all("section")] == ["scores", "sources"]


def test_a_report_of_many_sources_and_groups_is_small(tmp_path: Path) -> None:
    given = invented()
    found = evaluate(given.predicted, given.truth, pairs=given.pairs, how=replace(facts(), blocking=RULES * 8))
    many = replace(found, subgroups=found.subgroups * 10, worst=found.worst * 3, levels=found.levels * 16)
    evaluation_report(many, tmp_path / "large.html")
    assert (tmp_path / "large.html").stat().st_size < 5_000_000


def test_a_linkage_without_false_links_says_so_instead_of_drawing_nothing(tmp_path: Path) -> None:
    given = invented()
    perfect = given.predicted.set_column(2, "person_id", given.truth["person"])
    path = tmp_path / "perfect.html"
    evaluation_report(evaluate(perfect, given.truth), path)
    html = path.read_text(encoding="utf-8")
    assert "No two different people were linked." in html and drawing(html, "false-links") == ""
