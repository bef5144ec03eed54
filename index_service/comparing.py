"""Compare two records and explain the outcome: nothing is left out of the sum.

A pair could be something else than one person: two strangers, two siblings of a household, or twins. Against each
of these three the evidence has a weight, the sum of what the comparisons say and of how frequent such pairs are; the
comparisons of a layer that the alternative would share say nothing against it. The match weight is what is left of
the three together: −log2(Σ 2^−weight).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from config.policy import LinkagePolicy
from index_service.linking_context import LinkingContext
from linkage.comparisons import LAYERS, Layer
from linkage.evidence_rules import contradiction, family_alone, number_alone, number_of_a_relative
from linkage.record import NormalisedRecord
from linkage.weights import SHARED_LAYERS, Explanation, Part, explain, log2_frequencies

Outcome = Literal["link", "review", "no_link"]
Otherwise = Literal["strangers", "household", "twins"]
Rule = Literal[
    "number_alone_never_links",
    "number_of_a_relative_needs_review",
    "family_alone_never_links",
    "contradiction_needs_review",
]

_RULES = {
    "number_alone_never_links": number_alone,
    "number_of_a_relative_needs_review": number_of_a_relative,
    "family_alone_never_links": family_alone,
    "contradiction_needs_review": contradiction,
}


@dataclass(frozen=True, slots=True)
class Alternative:
    """What the pair could be instead of one person.

    `weight_bits` is `prior_bits` plus the bits of all comparisons of `layers`, and the twins' bits if it is twins.
    """

    otherwise: Otherwise
    layers: tuple[Layer, ...]
    prior_bits: float
    weight_bits: float


@dataclass(frozen=True, slots=True)
class AgainstSibling:
    """How the weight against a sibling or twin comes about: `prior_bits` and all `added_bits` add up to it.

    The two are weighed together, −log2(2^−household + 2^−twins), so that what a comparison adds hangs on those before
    it: `added_bits` has the comparisons in the order of the model.
    """

    prior_bits: float
    added_bits: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PairExplanation:
    """A pair's outcome, and everything that it follows from. Holds levels and weights, no value of a record.

    Attributes:
        held_back_by: rules of the policy that keep the pair from linking by itself, whatever it weighs.
    """

    outcome: Outcome
    explanation: Explanation
    alternatives: tuple[Alternative, ...]
    against_sibling: AgainstSibling
    held_back_by: tuple[Rule, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.explanation.parts


def compare(left: NormalisedRecord, right: NormalisedRecord, context: LinkingContext) -> PairExplanation:
    """Weigh two records and explain the outcome."""
    explanation = explain(left, right, context.model)
    held_back_by = _rules_against(explanation.parts, context.policy)
    alternatives = _alternatives(left, right, explanation.parts, context)
    return PairExplanation(
        outcome=outcome(explanation.weight, context.policy, opposed=bool(held_back_by)),
        explanation=explanation,
        alternatives=alternatives,
        against_sibling=_against_sibling(explanation.parts, alternatives),
        held_back_by=held_back_by,
    )


def outcome(weight_bits: float, policy: LinkagePolicy, *, opposed: bool = False) -> Outcome:
    """Which side of the policy's two thresholds a weight lies on; a pair that a rule opposes never links by itself."""
    if weight_bits >= policy.link_threshold_bits and not opposed:
        return "link"
    return "review" if weight_bits >= policy.review_threshold_bits else "no_link"


def _rules_against(parts: tuple[Part, ...], policy: LinkagePolicy) -> tuple[Rule, ...]:
    levels = np.array([[part.level for part in parts]], dtype=np.int8)
    names = [part.comparison for part in parts]
    return tuple(rule for rule, opposes in _RULES.items() if getattr(policy, rule) and opposes(levels, names)[0])  # type: ignore[misc]


def _alternatives(
    left: NormalisedRecord, right: NormalisedRecord, parts: tuple[Part, ...], context: LinkingContext
) -> tuple[Alternative, ...]:
    frequencies = log2_frequencies(context.model.frequencies_between(left.source, right.source))
    priors = dict(zip(SHARED_LAYERS, frequencies, strict=True))
    return tuple(_alternative(name, priors["same person"] - priors[name], parts) for name in _OTHERWISE)


_OTHERWISE: tuple[Otherwise, ...] = ("strangers", "household", "twins")


def _alternative(otherwise: Otherwise, prior_bits: float, parts: tuple[Part, ...]) -> Alternative:
    layers = tuple(layer for layer, shared in zip(LAYERS, SHARED_LAYERS[otherwise], strict=True) if not shared)
    evidence = sum(_bits_against(otherwise, layers, part) for part in parts)
    return Alternative(otherwise, layers, prior_bits, prior_bits + evidence)


def _bits_against(otherwise: Otherwise, layers: tuple[Layer, ...], part: Part) -> float:
    """What a comparison says against an alternative of which these layers count."""
    bits = part.against_stranger_bits if part.layer in layers else 0.0
    return bits + part.twins_bits if otherwise == "twins" else bits


def _against_sibling(parts: tuple[Part, ...], alternatives: tuple[Alternative, ...]) -> AgainstSibling:
    relatives = [alternative for alternative in alternatives if alternative.otherwise != "strangers"]
    weights = [relative.prior_bits for relative in relatives]
    reached = [_against_any_of(weights)]
    for part in parts:
        weights = [
            weight + _bits_against(relative.otherwise, relative.layers, part)
            for weight, relative in zip(weights, relatives, strict=True)
        ]
        reached.append(_against_any_of(weights))
    return AgainstSibling(reached[0], tuple(after - before for before, after in pairwise(reached)))


def _against_any_of(weights_bits: list[float]) -> float:
    """The weight against some alternatives together: −log2(Σ 2^−weight)."""
    return -float(np.logaddexp2.reduce([-weight for weight in weights_bits]))
