from __future__ import annotations

import os
from pathlib import Path

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
"""


def with_plug_ins(home: Path) -> Place:
    """A place in which a package with two more engines is installed."""
    packages = home / "packages"
    installed = packages / "plugged-1.0.dist-info"
    installed.mkdir(parents=True)
    (packages / "plugged.py").write_text(ENGINES)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(
        "[ingle.engines]\nhealthy = plugged:HEALTHY\nbroken = plugged:BROKEN\n"
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
    assert findings["engine llama"]["state"] == "ok"
