"""What every command tells beside its answer is told in one place."""

from __future__ import annotations

import pytest

from ingle.cli.output import Output
from ingle.operations import Rerouted, Status, Text, TryingPath


@pytest.mark.parametrize("terminal", [True, False])
def test_what_comes_beside_an_answer(terminal: bool, capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=False, debug=False)
    output.terminal = terminal
    for event in (
        Status(state="loading", detail="ember"),
        TryingPath(stage="lan", detail="desk"),
        Rerouted(was="desk", to="here", reason="it stopped responding"),
        Text(text="an answer"),
    ):
        output.status(event)
    told = capsys.readouterr()
    waiting = "loading ember ...\nlooking on this network desk\n" if terminal else ""
    assert told.err == waiting + "\n(desk: it stopped responding; here continues)\n"
    assert not told.out


def test_a_long_prompt_is_one_line_that_goes_away(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=False, debug=False)
    output.terminal = True
    output.status(Status(state="prompt", completed=10, total=100))
    assert not capsys.readouterr().err
    output.status(Status(state="prompt", completed=1024, total=4096))
    output.text("done")
    assert "reading the prompt: 1024 of 4096 tokens (25%)" in capsys.readouterr().err
