"""``ingle chat`` on a real terminal, and without one."""

from __future__ import annotations

import json
import os
import signal
import stat

from tests.waiting import eventually

from .place import Place
from .terminal import CTRL_C, CTRL_D, Terminal

GREEDY = ("-t", "0", "-n", "12")
PROMPT = ">>> "


def test_a_conversation(place: Place) -> None:
    with Terminal(place, "chat", *GREEDY) as terminal:
        assert "ember is ready" in terminal.until(PROMPT)
        terminal.line("How are you?")
        assert len(terminal.until(PROMPT)) > 20
        terminal.line("/help")
        assert "/undo" in terminal.until(PROMPT)
        terminal.line("/stats")
        assert "tokens/s" in terminal.until(PROMPT)
        terminal.line('"""one')
        terminal.until("... ")
        terminal.line('two"""')
        terminal.until(PROMPT)
        path = place.home / "said.json"
        terminal.line(f"/save {path}")
        assert "4 messages" in terminal.until(PROMPT)
        said = json.loads(path.read_text())
        assert [message["role"] for message in said] == ["user", "assistant"] * 2
        assert said[2]["content"] == "one\ntwo"
        terminal.line("/undo")
        terminal.until(PROMPT)
        terminal.line(f"/save {path}")
        assert "2 messages" in terminal.until(PROMPT)
        terminal.line("/again")
        terminal.until(PROMPT)
        terminal.line("/clear")
        terminal.until(PROMPT)
        terminal.line(f"/save {path}")
        assert "0 messages" in terminal.until(PROMPT)
        terminal.press(CTRL_D)
        assert terminal.ends() == 0
    history = place.state / "chat_history"
    assert "How are you?" in history.read_text()
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_what_is_typed_wrongly_ends_nothing(place: Place) -> None:
    with Terminal(place, "chat") as terminal:
        terminal.until(PROMPT)
        for line, told in (
            ("/hlep", "there is no command /hlep"),
            ("/set", "/set accepts temperature"),
            ("/set temperature -3", "temperature"),
            ("/set max_tokens 0", "max_tokens"),
            ("/set seed x", "is not a number"),
            ("/model embr", "ember"),
            ("/model", "error"),
            ("/image none.png", "there is no file"),
            ("/save", "needs a file"),
            ("/save /none/x.json", "No such file"),
            ("/undo", "there is nothing to undo"),
            ("/set max_tokens 3", ""),
            ("", ""),
        ):
            terminal.line(line)
            shown = terminal.until(PROMPT)
            assert told in shown
            assert "Traceback" not in shown
        terminal.line("How are you?")
        assert "truncated" in terminal.until(PROMPT)
        terminal.interrupt()
        assert "Ctrl-D or /bye to quit" in terminal.until(PROMPT)
        terminal.line("/bye")
        assert terminal.ends() == 0


def test_ctrl_c_stops_the_answer_and_not_the_program(place: Place) -> None:
    with Terminal(place, "chat", "-t", "3", "--stop", "never said") as terminal:
        terminal.until(PROMPT)
        for _ in range(5):  # an answer that is over too soon cannot be stopped
            terminal.line("/clear")
            terminal.until(PROMPT)
            terminal.line("Tell me a very long story.")
            terminal.until("story.\n")
            eventually(lambda: terminal.shown or terminal.read(10))
            terminal.press(CTRL_C)
            if "(stopped)" in terminal.until(PROMPT):
                break
        else:
            raise AssertionError("it never stopped")
        eventually(lambda: place.busy_slots() == 0)
        terminal.line("/set max_tokens 5")
        terminal.until(PROMPT)
        terminal.line("How are you?")
        assert terminal.until(PROMPT).strip()
        terminal.press(CTRL_D)
        assert terminal.ends() == 0


def test_a_node_that_dies_is_started_again(place: Place) -> None:
    with Terminal(place, "chat", *GREEDY) as terminal:
        terminal.until(PROMPT)
        os.kill(place.ok("ps", "--json").data["pid"], signal.SIGKILL)
        terminal.line("How are you?")
        first = terminal.until(PROMPT)
        assert "Traceback" not in first
        terminal.line("How are you?")
        assert "error" not in terminal.until(PROMPT)
        terminal.press(CTRL_D)
        assert terminal.ends() == 0


def test_without_a_question_run_talks(place: Place) -> None:
    with Terminal(place, "run", "ember") as terminal:
        assert "ember is ready" in terminal.until(PROMPT)
        terminal.press(CTRL_D)
        assert terminal.ends() == 0


def test_an_unknown_model_is_said_before_anything_is_typed(place: Place) -> None:
    with Terminal(place, "chat", "embr") as terminal:
        assert terminal.ends() == 3
        assert "ember" in terminal.shown


def test_without_a_terminal_lines_are_answered(place: Place) -> None:
    told = place.ok("chat", *GREEDY, stdin="How are you?\n/hlep\nHello there\n")
    assert len(told.out.splitlines()) >= 2
    assert ">>>" not in told.out
    assert "no command /hlep" in told.err
    assert "Traceback" not in place.ingle("chat", stdin=b"\xff\xfe\n/bye\n").err
