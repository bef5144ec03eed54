"""Names follow their frequencies and their culture."""

from __future__ import annotations

import numpy as np

from training.population.columns import texts
from training.population.names import draw_given, draw_surnames, given_names, surnames
from training.population.parameters import GROUPS, PopulationParameters
from training.population.people import HYPHENED, RUN_TOGETHER, SECOND_ONLY, SPACED, join_surnames

P = PopulationParameters()


def test_vietnamese_and_hmong_surnames_concentrate_on_few_and_others_do_not() -> None:
    rng = np.random.default_rng(1)
    share = {}
    for group in ("vietnamese", "hmong", "white"):
        names = draw_surnames(rng, np.full(20_000, GROUPS.index(group)), P.surname_outside_group)
        _, counts = np.unique(names.astype(str), return_counts=True)
        share[group] = np.sort(counts)[-8:].sum() / 20_000
    assert share["vietnamese"] > 0.5
    assert share["hmong"] > 0.5
    assert share["white"] < 0.1


def test_children_of_all_groups_get_names_of_their_sex() -> None:
    groups, sexes = np.repeat(np.arange(len(GROUPS)), 200), np.tile([0, 1], 100 * len(GROUPS))
    names = draw_given(np.random.default_rng(2), groups, sexes, P.traditional_given_share)
    for group, sex, name in zip(groups.tolist(), sexes.tolist(), names, strict=True):
        assert name in set(given_names(P.traditional_given_share)[GROUPS[group], sex].names)


def test_a_twins_name_begins_with_the_same_letter() -> None:
    like = texts(["Isabella", "Jayden", "Mia"] * 50)
    vocabulary = given_names(P.traditional_given_share)["hispanic", 1]
    names = vocabulary.draw_with_initial(np.random.default_rng(3), like)
    assert [name[0] for name in names] == [name[0] for name in like]


def test_surnames_of_a_group_are_in_the_common_table_with_their_counts() -> None:
    assert set(surnames()) >= {"all", "white", "black", "hispanic", "vietnamese", "hmong", "chinese"}
    assert "Nguyen" not in set(surnames()["white"].names)
    assert {"Smith", "Garcia", "Nguyen"} <= set(surnames()["all"].names)


def test_two_surnames_stand_on_paper_in_five_ways() -> None:
    first, second = texts(["Garcia"] * 4 + ["Smith"]), texts(["Lopez"] * 4 + [None])
    forms = np.array([SPACED, HYPHENED, SECOND_ONLY, RUN_TOGETHER, HYPHENED])
    written = list(join_surnames(first, second, forms))
    assert written == [
        "Garcia Lopez",
        "Garcia-Lopez",
        "Lopez",
        "Garcialopez",
        "Smith",
    ]
