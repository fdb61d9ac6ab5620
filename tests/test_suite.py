"""What the tests promise of themselves; see "Tests are real" in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
WAITING = "waiting.py"
"""The only file that sleeps."""
CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time"}
TERMINAL = "cli/terminal.py"
"""Reads from a terminal until a deadline."""
MODULES = {
    "espeakng-loader": "espeakng_loader",
    "faster-whisper": "faster_whisper",
    "onnx-asr": "onnx_asr",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "piper-tts": "piper",
}
"""What distributions are imported by, where it is another name."""
NAMED_TUPLES = {"_replace", "_asdict", "_fields", "_make"}
FACES_OF_PYTHON = {"os._exit"}
REACHED_INTO = {
    "cli/test_curves.py": {"_axis", "_lines_of", "_pairs"},
    "engines/test_self_test.py": {"_complete", "_events", "_started"},
    "peers/swarm/test_torrent_session.py": {"_session"},
    "peers/test_pairing.py": {"_receive", "_send"},
    "protocol/test_feeds.py": {"_kept"},
    "training/pytorch/test_nccl.py": {"_engine", "_others"},
    "training/pytorch/test_replicas.py": {"_engine", "_executor", "_others", "_step"},
    "training/pytorch/test_step.py": {"_block", "_programs"},
    "training/test_keeping.py": {"_engine"},
    "training/test_serving.py": {"_engine"},
    "training/trl/test_refusals.py": {"_known"},
    "training/vulkan/test_device.py": {"_programs"},
    "training/vulkan/test_step.py": {"_adapter", "_inputs"},
}
"""Private names that tests still use. It only shrinks: make a seam instead."""


class File(NamedTuple):
    """A Python file of the tests."""

    name: str
    text: str
    tree: ast.Module


@functools.cache
def files() -> list[File]:
    paths = sorted(TESTS.rglob("*.py"))
    texts = [(path.relative_to(TESTS).as_posix(), path.read_text()) for path in paths]
    return [File(name, text, ast.parse(text)) for name, text in texts]


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call, with the last part of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Attribute(attr=name) | ast.Name(id=name):
                    yield name, node


def imported(tree: ast.AST) -> set[str]:
    """The packages that are imported anywhere below, without what is below them."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found


def extras() -> set[str]:
    """Modules of what `make extras` installs and the lock does not."""

    def names(path: Path) -> set[str]:
        return set(re.findall(r"^([\w.-]+)(?===)", path.read_text(), re.MULTILINE))

    files = [ROOT / "recipes/requirements.txt", *ROOT.glob("requirements-*.txt")]
    wanted = set[str]().union(*map(names, files))
    wanted -= names(ROOT / "requirements.lock")
    return {MODULES.get(name, name) for name in wanted}


def marked(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("pytest.mark.extras" in ast.unparse(each) for each in node.decorator_list)


def test_what_needs_extras_is_marked(pytestconfig: pytest.Config) -> None:
    from tests.conftest import ALL_NEED_EXTRAS

    more = extras()
    assert {"av", "onnxruntime", "piper", "torch", "trl", "PIL"} <= more
    unmarked = []
    for file in files():
        if not Path(file.name).name.startswith("test_") or ALL_NEED_EXTRAS.search(file.text):
            continue
        for node in file.tree.body:
            is_test = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if not (is_test and marked(node)):
                unmarked += [f"{file.name}:{node.lineno} {n}" for n in imported(node) & more]
    assert not unmarked, "mark with pytest.mark.extras what imports these"


def test_a_missing_library_is_no_reason_to_skip() -> None:
    found = [f"{file.name}:{call.lineno}" for file in files() for name, call in calls(file.tree)
             if name == "importorskip"]  # fmt: skip
    assert not found, "mark the test with pytest.mark.extras, and import"


def test_no_test_sleeps() -> None:
    found = [
        f"{file.name}:{call.lineno}"
        for file in files()
        if file.name != WAITING
        for name, call in calls(file.tree)
        if name == "sleep" and not (len(call.args) == 1 and ast.unparse(call.args[0]) == "0")
    ]
    assert not found, "wait for the thing itself: tests/waiting.py, or virtual time"


def test_no_test_measures_time() -> None:
    found = [
        f"{file.name}:{call.lineno}"
        for file in files()
        if file.name not in (WAITING, TERMINAL)
        for name, call in calls(file.tree)
        if name in CLOCKS
    ]
    assert not found, "how fast something is belongs in bench/"


def private(tree: ast.Module) -> Iterator[str]:
    """Names with an underscore that are used of something else than the test's own objects."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not own and ast.unparse(node) not in FACES_OF_PYTHON:
                yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if re.match(r"_[a-z]", alias.name))


def test_private_names_are_used_where_they_are_listed_and_nowhere_else() -> None:
    found = {file.name: set(private(file.tree)) - NAMED_TUPLES for file in files()}
    assert {name: names for name, names in found.items() if names} == REACHED_INTO


def test_what_needs_true_weights_says_so() -> None:
    files = list((ROOT / "tests" / "real").glob("test_*.py"))
    assert len(files) > 5
    assert [path.name for path in files if "pytest.mark.real" not in path.read_text()] == []
