"""Why a task exists, in sentences: what agrees that should not, what contradicts, what the sentinel has seen."""

from __future__ import annotations

from collections.abc import Iterator

from config.policy import LinkagePolicy
from index_service.http.workbench.plain_words import COMPARED
from index_service.http.workbench.task_words import SIGNS
from index_service.store.stewardship import Task


def why_asked(task: Task, policy: LinkagePolicy) -> list[str]:
    """The reasons, the weightiest first."""
    return list(_reasons(task, policy))


def _reasons(task: Task, policy: LinkagePolicy) -> Iterator[str]:
    fields = _listed([COMPARED[name] for name in task.fields if name in COMPARED])
    if task.kind == "twin_or_sibling_alert":
        yield "Birth date and household agree as twins’ do, and something that only one person has contradicts."
    if task.one_record:
        yield f"The source sent this record again, and it shows another person than before. At odds: {fields}."
        return
    if fields and task.one_person:
        yield f"Inside this person, the two sides contradict each other in: {fields}."
    elif fields:
        yield f"The two persons have the same: {fields}."
    yield from (SIGNS[sign] for sign in task.signs if sign in SIGNS)
    if task.one_person and task.weight_bits < policy.split_review_bits:
        yield f"The two sides hold together by less than {policy.split_review_bits:g} bits on average."
    if not task.one_person and policy.review_threshold_bits <= task.weight_bits < policy.link_threshold_bits:
        yield (
            f"The evidence is between {policy.review_threshold_bits:g} and {policy.link_threshold_bits:g} bits: "
            "too strong to leave it, too weak to link without you."
        )


def _listed(labels: list[str]) -> str:
    lowered = [label if label[:2].isupper() else label[:1].lower() + label[1:] for label in labels]
    return " and ".join(filter(None, (", ".join(lowered[:-1]), *lowered[-1:])))
