"""``ingle run``: one question, one answer, and everything that can be wrong with it."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.waiting import eventually

from .place import COMMAND, DEADLINE_S, Place, ended
from .terminal import Terminal

GREEDY = ("-t", "0", "-n", "16")
LONG = ("Tell me all.", "--schema", '{"type": "string", "minLength": 2000}')
CITY = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 9}}}
CITY |= {"required": ["city"], "additionalProperties": False}


def test_two_at_once_start_one_node(tmp_path: Path) -> None:
    place = Place(tmp_path)
    try:
        with ThreadPoolExecutor() as pool:
            asked = [pool.submit(place.ok, "run", "Hello there", *GREEDY) for _ in range(2)]
            answers = {ask.result().out for ask in asked}
        assert len(answers) == 1
        log = (place.state / "logs" / "node.log").read_text()
        assert log.count("background node") == 1
    finally:
        place.stop()


def test_a_prompt_alone_goes_to_the_default_model(place: Place) -> None:
    answer = place.ok("run", "What does grep -i do?", *GREEDY)
    assert answer.out.strip()
    assert answer.out.endswith("\n")
    assert not answer.out.endswith("\n\n")
    assert answer.err in ("", "(truncated: raise --max-tokens)\n")


def test_a_model_may_come_first(place: Place) -> None:
    plain = place.ok("run", "How are you?", *GREEDY)
    named = place.ok("run", "ember", "How are you?", *GREEDY)
    apart = place.ok("run", "ember", "How", "are", "you?", *GREEDY)
    assert plain.out == named.out == apart.out


def test_what_is_piped_in_follows_the_prompt(place: Place) -> None:
    whole = place.ok("run", "Say this:\n\nls -l", *GREEDY)
    piped = place.ok("run", "ember", "Say this:", *GREEDY, stdin="ls -l\n")
    alone = place.ok("run", *GREEDY, stdin="Say this:\n\nls -l")
    assert whole.out == piped.out == alone.out


def test_json_tells_everything(place: Place) -> None:
    result = place.ok("run", "--json", "Hello there", *GREEDY).data
    assert result["choices"][0]["text"]
    assert result["usage"]["completion_tokens"] > 0
    assert result["where"] == "local"
    assert result["digest"].startswith("sha256:")


def test_options_reach_the_model(place: Place) -> None:
    counted = place.ok("run", "--json", "Hello there", "-n", "3", "-t", "0").data
    assert counted["usage"]["completion_tokens"] == 3
    spoken = place.ok("run", "--json", "Hello there", *GREEDY, "--system", "You are a pirate.").data
    assert spoken["usage"]["prompt_tokens"] > counted["usage"]["prompt_tokens"]
    told = place.ok("run", "-v", "Hello there", "-n", "3")
    assert "tokens/s" in told.err
    assert "truncated" in told.err


def test_an_answer_of_a_schema(place: Place, tmp_path: Path) -> None:
    text = json.dumps(CITY)
    given = place.ok("run", "Name a city.", "-t", "0", "--schema", text)
    assert list(given.data) == ["city"]
    path = tmp_path / "city.json"
    path.write_text(text)
    assert place.ok("run", "Name a city.", "-t", "0", "--schema", str(path)).out == given.out


def test_what_of_a_schema_is_checked_afterwards_is_told(place: Place) -> None:
    city = {"type": "string", "pattern": "^Rome$", "maxLength": 5000}
    large = json.dumps({"type": "object", "properties": {"city": city}, "required": ["city"]})
    answer = place.ok("run", "Name a city.", "--schema", large)
    assert json.loads(answer.out) == {"city": "Rome"}
    assert "note: schema: checked afterwards" in answer.err
    assert "maxLength at /properties/city" in answer.err


@pytest.mark.parametrize(
    "schema", ["none.json", "{", "[]", "{" * 9, '{"type": 5}', "x" * 5000, "."]
)
def test_a_bad_schema_is_a_usage_error(place: Place, schema: str) -> None:
    refused = place.ingle("run", "--json", "Name a city.", "--schema", schema)
    assert refused.status == 2
    assert refused.error["code"] == "invalid_request"
    assert "schema" in refused.error["message"]


def test_an_unknown_model_names_the_nearest_and_the_way_to_get_it(place: Place) -> None:
    refused = place.ingle("run", "embre", "Hello there")
    assert refused.status == 3
    assert refused.out == ""
    assert "ember" in refused.err
    assert "ingle list" in refused.err
    assert "Traceback" not in refused.err


@pytest.mark.parametrize("arguments", [(), ("",), ("ember",), ("ember", "")])
def test_nothing_asked(place: Place, arguments: tuple[str, ...]) -> None:
    refused = place.ingle("run", *arguments, stdin=" \n")
    assert refused.status == 2
    assert "nothing was asked" in refused.err
    assert "ingle run ember" in refused.err


def test_what_is_no_text_is_refused(place: Place) -> None:
    refused = place.ingle("run", "--json", "Sum up", stdin=b"caf\xe9 \xff")
    assert refused.status == 2
    assert "UTF-8" in refused.error["message"]


def test_far_too_much_is_refused(place: Place) -> None:
    """More than any context is refused with both counts; more than memory should hold, unread."""
    long = place.ingle("run", "--json", "Sum up", stdin="word " * 5000)
    assert long.status == 2
    assert long.error["code"] == "context_length_exceeded"
    details = long.error["details"]
    assert details["prompt_tokens"] > 5000 > details["context"]
    with place.start("run", "Sum up", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            for _ in range(64):
                process.stdin.write(b"x" * 2**20)
        assert process.wait(DEADLINE_S) == 2
        assert process.stderr is not None
        assert b"MiB" in process.stderr.read()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


@pytest.mark.parametrize(
    ("option", "value"),
    [("-t", "-1"), ("-t", "nan"), ("--top-p", "2"), ("-n", "0"), ("-n", "99999999999")],
)
def test_numbers_out_of_bounds_name_their_field(place: Place, option: str, value: str) -> None:
    refused = place.ingle("run", "--json", "Hello there", option, value)
    assert refused.status == 2
    assert refused.error["details"]["field"] in ("temperature", "top_p", "max_tokens")


def test_closed_standard_input_is_no_input(place: Place) -> None:
    command = f"exec {shlex.join(COMMAND)} run 'How are you?' -t 0 -n 9 <&-"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=place.environment,
        cwd=place.home,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_a_reader_that_leaves_ends_it_quietly(place: Place) -> None:
    command = f"{shlex.join(COMMAND)} run {shlex.join(LONG)} | head -c 5"
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", command],
        env=place.environment,
        cwd=place.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert len(done.stdout) == 5
    assert done.stderr == ""
    assert done.returncode in (0, 128 + signal.SIGPIPE)
    eventually(lambda: place.busy_slots() == 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_answer_and_frees_the_slot(place: Place, number: int) -> None:
    process = place.start("run", *LONG)
    assert process.stdout is not None
    assert process.stdout.read(1)  # it speaks
    end = ended(process, number)
    assert end.status == 130
    assert end.err == "\ninterrupted\n"
    eventually(lambda: place.busy_slots() == 0)


def test_which_limit_ended_an_answer_is_said(place: Place) -> None:
    full = place.ok("run", *LONG, "--context", "256")
    assert "(truncated: raise --context)" in full.err
    # A model that is loaded with more serves it.
    assert re.search(r"the context of (256|1024) tokens is full", full.err)
    short = place.ok("run", "How are you?", "-n", "2")
    assert "(truncated: raise --max-tokens)" in short.err


def test_the_reading_of_a_long_prompt_is_shown_on_a_terminal(place: Place) -> None:
    text = "To list the files of a folder, run ls -la and press Enter.\n" * 150
    wide = ("--context", "4096")
    with Terminal(place, "run", "What was said?", "-s", text, "-n", "3", "-v", *wide) as terminal:
        shown = terminal.until("speculation")
        assert re.search(r"reading the prompt: \d+ of \d+ tokens \(\d+%\)", shown)
    quiet = place.ok("run", "What was said?", "-s", text, "-n", "3", *wide)
    assert "reading" not in quiet.err
