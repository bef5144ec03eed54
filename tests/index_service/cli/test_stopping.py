"""A signal that a library wraps up in an error of its own is still a signal."""

from __future__ import annotations

import signal

import pytest

from index_service.cli.failures import report_stopped
from index_service.failures import stopped_by


def wrapped(inner: BaseException) -> BaseException:
    try:
        try:
            raise inner
        except BaseException as caught:
            raise RuntimeError("the library gave up") from caught
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (wrapped(KeyboardInterrupt()), 128 + signal.SIGINT),
        (wrapped(SystemExit(143)), 143),
        (wrapped(ValueError("not a signal")), None),
        (RuntimeError("plain"), None),
    ],
)
def test_the_cause_of_an_error_says_whether_it_was_stopped(error: BaseException, code: int | None) -> None:
    assert stopped_by(error) == code


def test_stopping_says_that_nothing_is_half_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_stopped(143) == 143
    assert "Nothing is half-published" in capsys.readouterr().err
