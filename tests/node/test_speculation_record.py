"""What guessing ahead was measured to cost and to win, and what follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.engines.engine import LoadSpec
from ingle.node.speculation_record import CREDIT_S, MOST, RECORD, REST, SpeculationRecord
from ingle.operations import Timing

SPEC = LoadSpec(engine="llama", model="m", digest="sha256:aa")
PLAIN = Timing(decode_s=1.0)
"""Of a hundred tokens."""


def answered(record: SpeculationRecord, seconds: float, drafted: int = 0, count: int = 1) -> None:
    for _ in range(count):
        record.answered(SPEC, Timing(decode_s=seconds, drafted=drafted), 100)


def on(record: SpeculationRecord) -> bool:
    return record.helps("sha256:aa", "llama")


def test_it_is_on_until_it_has_cost_more_than_it_won(tmp_path: Path) -> None:
    record = SpeculationRecord(tmp_path)
    assert on(record)
    answered(record, 1.0)
    answered(record, 0.5, drafted=50, count=9)
    answered(record, 1.5, drafted=50, count=4)
    assert on(record)  # 2 s lost of 2 s credit: what was won before counts no more than that
    answered(record, 1.5, drafted=50)
    assert not on(record)
    assert record.helps("sha256:aa", "cuda")
    assert record.helps("sha256:bb", "llama")


def test_what_it_can_cost_grows_with_the_logarithm_of_the_answers(tmp_path: Path) -> None:
    record = SpeculationRecord(tmp_path)
    answered(record, 1.0)
    lost, answers = 0.0, 0
    for _ in range(20_000):
        if on(record):
            answered(record, 2.0, drafted=100)
            lost += 1.0
        else:
            answered(record, 1.0)
        answers += 1
    trials = 1 + (answers // REST).bit_length()
    assert lost <= trials * (CREDIT_S + 1.0)


def test_it_is_tried_again_after_a_while(tmp_path: Path) -> None:
    record = SpeculationRecord(tmp_path)
    answered(record, 1.0)
    answered(record, 4.0, drafted=100)
    assert not on(record)
    answered(record, 1.0, count=REST - 1)
    assert not on(record)
    answered(record, 1.0)
    assert on(record)


def test_short_answers_and_models_without_a_digest_tell_nothing(tmp_path: Path) -> None:
    record = SpeculationRecord(tmp_path)
    record.answered(SPEC, PLAIN, 3)
    record.answered(LoadSpec(engine="upstream", model="u"), PLAIN, 100)
    record.save()
    assert not (tmp_path / RECORD).exists()


def test_the_decision_outlives_the_node_and_the_file_is_private(tmp_path: Path) -> None:
    record = SpeculationRecord(tmp_path)
    answered(record, 1.0)
    answered(record, 4.0, drafted=100)
    path = tmp_path / RECORD
    assert path.stat().st_mode & 0o777 == 0o600
    assert not on(SpeculationRecord(tmp_path))
    assert b"sha256:aa" in path.read_bytes()


def test_the_record_is_bounded(tmp_path: Path) -> None:
    record = SpeculationRecord(tmp_path)
    for number in range(MOST + 10):
        spec = LoadSpec(engine="llama", model="m", digest=f"sha256:{number}")
        record.answered(spec, PLAIN, 100)
    assert record.of("sha256:0", "llama") is None
    assert record.of(f"sha256:{MOST + 9}", "llama") is not None


def test_a_damaged_record_is_begun_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / RECORD).write_bytes(b"\xff{")
    assert on(SpeculationRecord(tmp_path))
    assert "begun again" in caplog.text
