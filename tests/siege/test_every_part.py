"""Every part of the siege, for a while, always with the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from .siege_part import SiegePart, attack, parts

pytestmark = [pytest.mark.siege, pytest.mark.timeout(600)]
SEED = 16


@pytest.mark.parametrize("part", parts(), ids=lambda part: part.name)
def test_nothing_gives_way(part: SiegePart, tmp_path: Path) -> None:
    report = attack(part, SEED, tmp_path / "siege", iter(range(part.probes)))
    print(report)
    assert not report.findings, "\n".join(map(str, report.findings))
