from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ingle.cli.sandbox_findings import CONTAINER, KEPT, raising
from ingle.engines import sandbox

from .place import Place

ENGINES = """
from ingle.engines.declaration import EngineDeclaration
from ingle.errors import EngineMissing


class Healthy:
    name = "healthy"
    network = False

    def version(self):
        return "v1.2 (git)"

    def devices(self):
        return []


class Broken(Healthy):
    name = "broken"

    def version(self):
        raise EngineMissing("3 libraries are missing", hint="apt install libthree")


HEALTHY = EngineDeclaration(name="healthy", loader="plugged:Healthy")
BROKEN = EngineDeclaration(name="broken", loader="plugged:Broken")
ABSENT = EngineDeclaration(name="absent", loader="no_such_module:Absent", extras="speech")
"""


def with_plug_ins(home: Path) -> Place:
    """A place in which a package with three more engines is installed."""
    packages = home / "packages"
    installed = packages / "plugged-1.0.dist-info"
    installed.mkdir(parents=True)
    (packages / "plugged.py").write_text(ENGINES)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(
        "[ingle.engines]\nhealthy = plugged:HEALTHY\nbroken = plugged:BROKEN\n"
        "absent = plugged:ABSENT\n"
    )
    paths = [str(packages), *filter(None, [os.environ.get("PYTHONPATH")])]
    return Place(home, PYTHONPATH=os.pathsep.join(paths))


def test_an_engine_is_healthy_unless_it_has_a_problem(tmp_path: Path) -> None:
    place = with_plug_ins(tmp_path)
    try:
        ended = place.ingle("doctor", "--json")
    finally:
        place.close()
    assert ended.status == 1
    findings = {finding["name"]: finding for finding in ended.data}
    healthy, broken = findings["engine healthy"], findings["engine broken"]
    assert (healthy["state"], healthy["text"]) == ("ok", "v1.2 (git)")
    assert (broken["state"], broken["text"]) == (
        "fail",
        "3 libraries are missing (apt install libthree)",
    )
    assert broken["fix"]
    absent = findings["engine absent"]  # an extra that no one has asked for is no fault
    assert (absent["state"], absent["fix"]) == ("ok", "")
    assert "pip install 'ingle[speech]'" in absent["text"]
    assert findings["engine llama"]["state"] == "ok"


def test_what_the_sandbox_keeps_is_told_by_its_level(tmp_path: Path) -> None:
    place = Place(tmp_path)
    try:
        ended = place.ingle("doctor", "--json")
    finally:
        place.close()
    told = next(finding for finding in ended.data if finding["name"] == "sandbox")
    level, _, kept = told["text"].partition(": ")
    assert level == sandbox.level()
    assert sys.platform != "linux" or kept == KEPT[level]
    assert (told["fix"] == "") == (level == "bubblewrap")


@pytest.mark.parametrize(
    ("setting", "value", "command"),
    [
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=16384"),
        ("user/max_user_namespaces", "127", CONTAINER),
    ],
)
def test_what_keeps_bubblewrap_from_working_is_found(
    tmp_path: Path, setting: str, value: str, command: str
) -> None:
    file = tmp_path / setting
    file.parent.mkdir(parents=True)
    file.write_text(value + "\n")
    assert raising(True, tmp_path) == command


def test_bubblewrap_is_installed_by_the_systems_own_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "dnf"
    tool.write_text("")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert raising(False) == "dnf install bubblewrap"
