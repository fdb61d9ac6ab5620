"""``ingle train`` beside what a node does: what it refuses by itself."""

from __future__ import annotations

import pytest

from ingle.capabilities.train.operation import Train, TrainingSettings
from ingle.cli.main import cli
from ingle.errors import InvalidRequest


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        (["--lora-rank", "16"], "--lora-rank"),
        (["--data", "more.jsonl"], "--data"),
        (["--backend", "trl"], "--backend"),
        (["--reward", "json"], "--reward"),
        (["ember"], "MODEL"),
    ],
)
def test_a_run_that_continues_takes_no_new_settings(given: list[str], flag: str) -> None:
    arguments = ["train", *given, "--resume", "guild", "--device", "cpu", "--wait"]
    with pytest.raises(
        InvalidRequest, match=f"^{flag}: a resumed run keeps its settings"
    ) as refused:
        cli.main(arguments, standalone_mode=False)
    assert refused.value.hint == "ingle train --resume guild"


def test_nor_does_the_operation() -> None:
    assert Train(name="guild", resume=True, settings=TrainingSettings(device="cpu")).resume
    with pytest.raises(InvalidRequest, match="lora_rank: a resumed run keeps"):
        Train(name="guild", resume=True, settings=TrainingSettings(device="cpu", lora_rank=8))
    with pytest.raises(InvalidRequest, match="data: a resumed run keeps"):
        Train(name="guild", resume=True, data="more.jsonl")
