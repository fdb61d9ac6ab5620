"""What strangers can have written into the log."""

from __future__ import annotations

import logging

import pytest

from ingle.server.log_allowance import AllowanceFilter, LogAllowance
from tests.waiting import eventually

from .running import Running


def test_an_allowance_comes_back_with_time_and_tells_what_was_left_out() -> None:
    now = 0.0
    allowance = LogAllowance(lambda: now)
    assert sum(allowance.take() for _ in range(1000)) == 60
    now = 2.5
    assert allowance.take()
    assert allowance.note() == " (940 more lines were left out)"
    assert allowance.take()
    assert allowance.note() == ""
    assert not allowance.take()


def test_refusals_do_not_fill_the_log(fresh: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "ingle.server.access"):
        for _ in range(300):
            fresh.get("/healthz")
            fresh.get("/nowhere", host="evil.example")
        assert 60 <= len(caplog.records) < 200
        # What is asked by who may ask is in it all the same.
        for _ in range(100):
            fresh.get("/v1/models")
        # A line is written once its answer has left.
        eventually(lambda: sum("/v1/models" in line for line in caplog.messages) == 100)


def test_a_logger_of_others_is_held_to_it_too(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("tests.strangers")
    logger.addFilter(AllowanceFilter())
    with caplog.at_level(logging.WARNING, "tests.strangers"):
        for _ in range(300):
            logger.warning("Invalid HTTP request received.")
    assert 60 <= len(caplog.records) < 100
