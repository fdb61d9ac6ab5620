"""The losses of a run in a file: what damage leaves of it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.capabilities.train.operation import LossPoint
from ingle.training.loss_log import LossLog


@pytest.mark.parametrize(
    "line",
    [b'{"step": 2, "loss"', b'{"step": 2, "loss": 1.0, "val\x8fdation": 1.0}', b"[" * 9000, b"2"],
)
def test_what_stands_before_a_damaged_line_is_kept(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "losses.jsonl"
    log = LossLog(path)
    first = LossPoint(step=1, loss=2.0)
    log.note(first)
    with path.open("ab") as file:
        file.write(line + b"\n")
    log.note(LossPoint(step=3, loss=1.0))
    assert log.points() == [first]
