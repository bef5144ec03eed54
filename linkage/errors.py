"""What can go wrong in the matching core. Each message ends with what to do."""

from __future__ import annotations


class LinkageError(Exception):
    """The matching core cannot go on."""


class ModelMismatch(LinkageError):
    """The model was fitted for other comparisons or blocking rules than this version declares."""


class UnfittedLevel(LinkageError):
    """A level of the model has no probabilities; weighing it would invent evidence."""


class NothingToLink(LinkageError):
    """The records hold no column that linking could use."""


class ContradictoryConstraints(LinkageError):
    """Records that must be one person must also be different people."""


class ExplodingRule(LinkageError):
    """A blocking rule makes more pairs than the policy allows."""


class SparkFailed(LinkageError):
    """Spark could not finish a stage."""
