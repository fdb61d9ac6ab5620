"""The siege sees how much memory nodes take, also of those that end, and by a kill of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import node_memory
from .besieged_place import BesiegedPlace
from .node_memory import NodeMemory
from .process_family import adopting
from .siege_part import Probe, SiegePart, attack


@contextlib.contextmanager
def listing(folder: Path, memory: NodeMemory) -> Iterator[Probe]:
    """A part whose only probe starts a node, and stops it."""
    (folder / "tmp").mkdir()
    with adopting() as family:
        besieged = BesiegedPlace(folder, family, memory)

        def probe(_: object) -> None:
            besieged.succeed("list")
            besieged.stop()

        yield probe


@contextlib.contextmanager
def without_node(folder: Path, memory: NodeMemory) -> Iterator[Probe]:
    yield lambda _: None


def test_a_node_that_has_ended_is_counted(tmp_path: Path) -> None:
    report = attack(SiegePart("listing", 1, listing), 1, tmp_path / "s", iter([0]))
    assert not report.findings
    assert 20 * 10**6 < report.peak < node_memory.MOST
    assert "1 probes, 0 findings, peak of the node " in str(report)


def test_a_node_that_is_killed_is_counted(tmp_path: Path) -> None:
    memory = NodeMemory(tmp_path / "peaks")
    (tmp_path / "p" / "tmp").mkdir(parents=True)
    with adopting() as family:
        besieged = BesiegedPlace(tmp_path / "p", family, memory)
        mark = tmp_path / "mark"
        order = f"client.host:40:0:{mark}"
        besieged.place.ingle("list", SIEGE_KILL=order)
        assert mark.exists()
        memory.check()
        assert memory.peak > 10 * 10**6


def test_a_node_that_is_too_large_is_found_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_memory, "MOST", 1)
    report = attack(SiegePart("listing", 1, listing), 1, tmp_path / "s", iter([0]))
    (found,) = report.findings
    assert found.text == f"the node took {report.peak // 10**6} MB"


def test_a_part_that_sees_no_node_is_found(tmp_path: Path) -> None:
    report = attack(SiegePart("none", 1, without_node), 1, tmp_path / "s", iter([0]))
    assert [found.text for found in report.findings] == [
        "in the end: the memory of no node was seen"
    ]
