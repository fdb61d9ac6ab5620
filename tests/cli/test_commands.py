"""Every other command against one running node: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ingle.cli.main import commands
from ingle.engines import process_tree
from ingle.models.embedded import embedded_files
from tests.waiting import eventually

from ..engines.lora import write_adapter
from ..models.test_caches import ollama
from ..models.weights import write_model
from .place import COMMAND, Place, ended


def test_help_lists_every_command(place: Place) -> None:
    text = place.ok("--help").out
    listed = [line.split()[0] for line in text.splitlines() if line.startswith("  ") and line[2:3]]
    assert set(commands()) <= set(listed)
    assert place.ok("-h").out == text


@pytest.mark.parametrize("name", [*commands(), "ls"])
def test_every_command_explains_itself(name: str, place: Place) -> None:
    text = place.ok(name, "--help").out
    assert text.startswith("Usage: ingle ")
    if name in commands():
        assert len(commands()[name][1]) > 10


def test_the_version(place: Place) -> None:
    assert place.ok("--version").out.startswith("ingle 0.")


def test_a_misspelt_command_gets_a_guess(place: Place) -> None:
    guessed = place.ingle("lisst")
    assert guessed.status == 2
    assert "Did you mean 'list'?" in guessed.err
    assert "Did you mean" not in place.ingle("frobnicate").err
    told = place.ingle("pul", "x", "--json")
    assert told.status == 2
    assert "'pull'" in told.error["message"]
    assert place.ingle("show", "--json").error["hint"] == "ingle --help"


def test_models_are_listed_shown_named_and_forgotten(place: Place) -> None:
    names = [model["name"] for model in place.ok("list", "--json").data]
    assert names == list(embedded_files())
    head, *rows = place.ok("ls").out.splitlines()
    assert head.split()[:3] == ["NAME", "DIGEST", "SIZE"]
    assert [row.split()[0] for row in rows] == names
    shown = place.ok("show", "ember")
    assert "architecture  qwen3" in shown.out
    assert place.ok("show", "ember", "--json").data["context_length"] > 0
    assert "im_start" in place.ok("show", "ember", "--template").out
    first, *_ = place.ok("show", "ember", "--modelfile").out.splitlines()
    word, path = first.split(maxsplit=1)
    assert word == "FROM"
    assert Path(path).read_bytes()[:4] == b"GGUF"
    assert "general.architecture" in place.ok("show", "ember", "--metadata").out
    place.ok("cp", "ember", "spark")
    assert "spark" in place.ok("ls").out
    place.ok("rm", "spark")
    gone = place.ingle("rm", "spark", "--json")
    assert gone.status == 3
    assert gone.error["code"] == "model_not_found"


def test_a_file_is_pulled_from_where_the_user_stands(place: Place, tmp_path: Path) -> None:
    write_model(place.home / "mine.gguf")
    pulled = place.ok("pull", "mine", "--from", "mine.gguf", "--json")
    assert pulled.data["name"] == "mine"
    assert place.ok("prune", "--json").data["files"] == []
    again = place.ok("pull", "mine", "--from", "mine.gguf")
    assert "was another model" not in again.err
    write_model(place.home / "other.gguf", seed=1)
    other = place.ok("pull", "mine", "--from", "other.gguf")
    assert f"mine was another model before ({pulled.data['digest'][:19]})" in other.err
    place.ok("rm", "mine")
    (place.home / "bad.gguf").write_bytes(b"GGUF")
    bad = place.ingle("pull", "./bad.gguf", "--json")
    assert bad.status == 1
    assert bad.error["code"] == "bad_model_file"


def test_statuses_by_kind_of_trouble(place: Place) -> None:
    for status, code, arguments in (
        (2, "invalid_request", ("bench", "--repeat", "0")),
        (2, "invalid_request", ("logs", "-n", "-1")),
        (2, "config_error", ("serve", "--port", "99999")),
        (2, "config_error", ("config", "set", "prot", "1")),
        (2, "capability_missing", ("embed", "--model", "ember", "text")),
        (3, "model_not_found", ("show", "embr")),
        (3, "not_found", ("run", "--on", "mars", "Hello there")),
        (3, "adapter_not_found", ("run", "--adapter", "none", "Hello there")),
        (6, "refused", ("serve", "--host", "0.0.0.0", "--port", "0")),
    ):
        refused = place.ingle(*arguments, "--json")
        assert (refused.status, refused.error["code"]) == (status, code), refused
        assert refused.out == ""
        assert set(refused.error) <= {"code", "message", "hint", "details"}
    denied = place.ingle("fit", "hf.co/a/b", "--json", INGLE_EGRESS="deny")
    assert denied.status in (3, 5, 6)


def test_what_does_not_fit(tmp_path: Path) -> None:
    place = Place(tmp_path, INGLE_MEMORY="100MiB", INGLE_CONTEXT="4096")
    try:
        refused = place.ingle("run", "--json", "--context", "4096", "Hello there")
        assert refused.status == 4
        assert refused.error["details"]["needed_bytes"] > 100 * 2**20
    finally:
        place.stop()


def test_fit_predicts(place: Place) -> None:
    told = place.ok("fit", "ember", "--context", "512")
    assert "fits" in told.out
    assert "KV cache" in told.out
    report = place.ok("fit", "ember", "--json").data[0]
    assert report["needed"] > report["weights"] > 0


def test_vectors_come_one_a_line(place: Place) -> None:
    rows = place.ok("embed", "a cat", "a kitten").out.splitlines()
    vectors = [json.loads(row) for row in rows]
    assert len(vectors) == 2
    assert sum(value * value for value in vectors[0]) == pytest.approx(1, abs=1e-3)
    assert place.ok("embed", stdin="a cat\n\na kitten\n").out.splitlines() == rows
    told = place.ok("embed", "--json", "--query", "--dimensions", "8", "a cat").data
    assert told["dimensions"] == 8 == len(told["vectors"][0])
    assert place.ingle("embed").status == 2
    assert place.ingle("embed", stdin=b"\xff").status == 2


def test_what_runs_is_shown_and_stopped(place: Place) -> None:
    place.ok("run", "Hello there", "-n", "2")
    running = place.ok("ps")
    assert "ember" in running.out
    assert "reserved" in running.err
    assert place.ok("ps", "--json").data["workers"][0]["context"] == 1024
    place.ok("stop", "ember")
    eventually(lambda: "ember " not in place.ok("ps").out)
    assert place.ingle("stop", "embr").status == 3
    place.ok("suspend")
    busy = place.ingle("run", "--json", "Hello there")
    assert busy.status != 0
    assert "suspend" in busy.error["message"]
    place.ok("resume")
    place.ok("run", "Hello there", "-n", "2")


@pytest.mark.skipif(sys.platform != "linux", reason="workers are found where there is a /proc")
@pytest.mark.parametrize("command", [["stop", "ember"], ["stop", "--node"]])
def test_what_is_stuck_is_stopped_all_the_same(tmp_path: Path, command: list[str]) -> None:
    place = Place(tmp_path)
    try:
        place.ok("run", "Hello there", "-n", "2")
        status = place.ok("ps", "--json").data
        workers = process_tree.members(status["workers"][0]["pid"])
        os.kill(workers[-1], signal.SIGSTOP)
        asking = place.start("run", "Hello there")
        eventually(lambda: place.busy_slots() == 1)
        place.ok(*command)
        eventually(lambda: all(gone(pid) for pid in workers))
        assert ended(asking).status != 0
        if "--node" in command:
            eventually(lambda: gone(status["pid"]))
        place.ok("run", "Hello there", "-n", "2")
    finally:
        place.close()


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_without_a_node_there_is_nothing_to_stop(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert "no node runs" in place.ok("ps").err
    assert place.ok("ps", "--json").data is None
    assert "no node runs" in place.ok("stop", "--node").err
    resumed = place.ingle("resume", "--json")
    assert resumed.status == 5
    assert resumed.error["code"] == "node_unreachable"


def test_the_disk(place: Place) -> None:
    assert "free" in place.ok("df").out
    assert place.ok("df", "--json").data["free"] > 0
    assert "would free" in place.ok("prune", "--dry-run", "--partials").err


def test_settings_say_where_they_come_from(place: Place) -> None:
    place.ok("config", "set", "keep_alive", "7m")
    told = place.ok("config", "show", "--origin", "--json", INGLE_PORT="1234").data
    assert told["keep_alive"]["value"] == "7m"
    assert "config.toml" in told["keep_alive"]["origin"]
    assert told["port"] == {"value": 1234, "origin": "env (INGLE_PORT)"}
    assert told["queue"]["origin"] == "default"
    assert "keep_alive" in place.ok("config", "show", "keep_alive", "--describe").out
    place.ok("config", "unset", "keep_alive")
    assert place.ok("config", "show", "keep_alive", "--json").data == {"keep_alive": "5m"}
    assert place.ok("config", "path").out.strip() == str(place.home / "config.toml")
    hidden = place.ok("config", "show", INGLE_TOKEN="abracadabra").out
    assert "abracadabra" not in hidden
    assert "(set)" in hidden
    assert "port" in place.ingle("config", "set", "prot", "1").err
    bad = place.ingle("list", "--json", INGLE_PORT="x")
    assert (bad.status, bad.error["code"]) == (2, "config_error")
    assert place.ok("--help", INGLE_PORT="x").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str, place: Place) -> None:
    assert "_INGLE_COMPLETE" in place.ok("completion", shell).out


def test_completion_completes(place: Place) -> None:
    done = subprocess.run(
        COMMAND,
        env={
            **place.environment,
            "_INGLE_COMPLETE": "bash_complete",
            "COMP_WORDS": "ingle comple",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "plain,completion"


def test_the_log_holds_no_prompt(place: Place) -> None:
    place.ok("run", "xylophone xylophone", "-n", "2")
    log = place.ok("logs").out
    assert "background node" in log
    assert "xylophone" not in log + place.ok("logs", "--workers", "-n", "999").out
    assert len(place.ok("logs", "-n", "1").out.splitlines()) == 1


def test_the_doctor_looks_at_everything(place: Place) -> None:
    findings = {entry["name"]: entry for entry in place.ok("doctor", "--json").data}
    assert {"python", "settings", "state", "disk", "sandbox", "node"} <= set(findings)
    assert findings["engine llama"]["state"] == "ok"
    sick = place.ingle("doctor", INGLE_LLAMA_SERVER="/none")
    assert sick.status == 1
    assert "fail  llama-server" in sick.out
    assert place.ingle("doctor", INGLE_PORT="x").status == 1


def test_nothing_left_this_device(place: Place) -> None:
    place.ok("run", "Hello there", "-n", "2")
    entries = place.ok("ledger", "--json").data
    assert {entry["operation"] for entry in entries} <= {"pull"}
    assert place.ok("ledger").out.split()[0] == "WHEN"


def test_adapters(place: Place, ember: Path) -> None:
    write_adapter(place.home / "odd.gguf", ember, seed=5, strength=2.0)
    assert place.ok("adapter", "add", "odd.gguf").out.split()[0] == "odd"
    assert [entry["name"] for entry in place.ok("adapter", "list", "--json").data] == ["odd"]
    plain = place.ok("run", "Hello there", "-t", "0", "-n", "9").out
    assert place.ok("run", "Hello there", "-t", "0", "-n", "9", "--adapter", "odd").out != plain
    place.ok("adapter", "rm", "odd")
    assert place.ingle("adapter", "rm", "odd").status == 3


def test_what_ollama_has_is_used_in_place(place: Place) -> None:
    assert place.ok("import").out == ""
    weights = write_model(place.home / "weights.gguf")
    root = place.home / ".ollama" / "models"
    ollama(root, "registry.ollama.ai/library/tiny/latest", weights)
    (found,) = place.ok("import", "--json").data
    assert found["program"].lower() == "ollama"
    (taken,) = place.ok("import", found["name"], "--json").data
    listed = {model["name"]: model for model in place.ok("list", "--json").data}
    assert taken["name"] in listed
    place.ok("rm", taken["name"])
    assert any(root.glob("blobs/*"))


def test_speed_is_measured(place: Place) -> None:
    few = ("--prompt-tokens", "32", "--new-tokens", "8", "--repeat", "1")
    report = place.ok("bench", *few, "--json").data
    assert report["model"] == "ember"
    assert min(report["prefill_rate"], report["decode_rate"], report["roofline_rate"]) > 0
    assert report["device"] == "CPU"
    assert list(report["read_bytes"]) == list(report["bandwidths"]) == ["CPU"]
    shown = place.ok("bench", *few).out
    assert "CPU: " in shown
    assert "memory gives" in shown


def test_troubles_with_folders_are_said_plainly(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = place.ingle("list", "--state-dir", str(tmp_path / "file"), "--json")
    assert refused.status == 1
    assert refused.error["code"] == "storage_error"
    refused = place.ingle("list", "--state-dir", str(tmp_path / "own"), "--models-dir", "/proc/x")
    assert refused.status == 1
    assert "/proc/x" in refused.err
    gone = tmp_path / "gone"
    gone.mkdir()
    command = [*COMMAND, "list"]
    done = subprocess.run(
        ["/bin/sh", "-c", f'cd {gone} && rmdir {gone} && "$@"', "sh", *command],
        env=place.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: the current directory was deleted")


def test_nothing_in_the_current_folder_is_imported(tmp_path: Path) -> None:
    """A folder may come from anyone; starting a node there must not run its code."""
    place = Place(tmp_path / "home")
    place.home.mkdir()
    trap = place.home / "msgspec.py"
    trap.write_text("import pathlib; pathlib.Path('sprung').touch(); raise SystemExit(9)")
    try:
        done = subprocess.run(
            [COMMAND[0], "-P", *COMMAND[1:], "list"],
            env=place.environment,
            cwd=place.home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert not (place.home / "sprung").exists()
    finally:
        trap.unlink()
        place.stop()


def test_a_model_is_created_from_a_modelfile_shown_and_created_again(place: Place) -> None:
    (place.home / "Modelfile").write_text(
        'FROM ember\nSYSTEM "You are Mario."\nPARAMETER temperature 0\nPARAMETER num_predict 4\n'
        "TEMPLATE {{ .Prompt }}\nMESSAGE user Hi\n"
    )
    made = place.ok("create", "mario")
    assert made.out.startswith("mario  sha256:")
    assert "Go template" in made.err
    shown = place.ok("show", "mario")
    assert "made from     ember" in shown.out
    assert "You are Mario." in shown.out
    assert "temperature 0" in shown.out
    written = place.home / "again"
    written.write_text(place.ok("show", "mario", "--modelfile").out)
    again = place.ok("create", "luigi", "-f", "again", "--json").data
    assert again["model"]["name"] == "luigi"
    assert again["notes"] == []
    mine, theirs = (place.ok("show", name, "--json").data for name in ("mario", "luigi"))
    del mine["defaults"]["base"]  # the other is made from the same file, not from the name
    assert mine["defaults"] == theirs["defaults"]
    assert mine["digest"] == theirs["digest"]
    place.ok("rm", "mario")
    answer = place.ok("run", "luigi", "Hello", "--json").data
    assert answer["usage"]["completion_tokens"] == 4
    place.ok("rm", "luigi")


def test_a_modelfile_that_cannot_be_used_is_refused(place: Place, tmp_path: Path) -> None:
    assert place.ingle("create", "x", "-f", "nonesuch", "--json").error["code"] == "not_found"
    for text, message in (
        (f"FROM {tmp_path}", "is a folder"),
        ("FROM ./nonesuch.gguf", "no such file"),
        ("FROM ember\nFORM x", "line 2"),
    ):
        (place.home / "bad").write_text(text)
        refused = place.ingle("create", "x", "-f", "bad", "--json")
        assert refused.status in (2, 3)
        assert message in refused.error["message"]
    quantised = place.ingle("create", "x", "-q", "q4_K_M", "--json")
    assert "cannot be quantised here yet" in quantised.error["message"]


def test_weights_of_a_modelfile_are_used_where_they_lie(place: Place) -> None:
    write_model(place.home / "mine.gguf")
    (place.home / "own").write_text("FROM ./mine.gguf\nSYSTEM Hi.\n")
    place.ok("create", "own", "-f", "own")
    details = place.ok("show", "own", "--json").data
    assert details["files"] == [str(place.home / "mine.gguf")]
    assert details["linked"]
    place.ok("rm", "own")
    assert (place.home / "mine.gguf").exists()
