"""Versions of ingle side by side: each a folder in front of the path, with its own metadata."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import ingle
from ingle.models.embedded import embedded_files
from tests.cli.place import Place

ARCHIVE = Path(__file__).parent / "ingle-0.1.0.tar.xz"
HERE = Path(ingle.__file__).parents[1]
OLD, NEW, NEWER = "0.1.0", "0.2.0", "0.3.0"
"""The first release; what is here; and what is here, under a later version."""
ENGINES = """[ingle.engines]
llama = ingle.engines.llama:LlamaEngine
upstream = ingle.engines.upstream:UpstreamEngine
"""
"""Entry points of 0.1.0. Later versions have a table of their own."""


class Trees:
    """Where each version is.

    Args:
        folder: empty; trees are made there.
    """

    def __init__(self, folder: Path) -> None:
        self._paths = {OLD: [self._unpacked(folder / OLD)]}
        for version in (NEW, NEWER):
            front = folder / version
            front.mkdir()
            self._described(front, version)
            self._paths[version] = [front, HERE]

    def place(self, home: Path, version: str, *plugins: Path, **variables: str) -> Place:
        """The command line of a version in a home folder, which several may share.

        Args:
            plugins: more folders for the path.
        """
        home.mkdir(exist_ok=True)
        given = filter(None, [os.environ.get("PYTHONPATH")])
        path = os.pathsep.join([*map(str, [*self._paths[version], *plugins]), *given])
        return Place(home, PYTHONPATH=path, **variables)

    def _unpacked(self, folder: Path) -> Path:
        folder.mkdir()
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(folder, filter="data")
        models = folder / "src" / "ingle" / "models" / "embedded"
        for file in embedded_files().values():
            shutil.copyfile(file, models / file.name)
        self._described(folder / "src", OLD, ENGINES)
        return folder / "src"

    def _described(self, folder: Path, version: str, entry_points: str = "") -> None:
        described = folder / f"ingle-{version}.dist-info"
        described.mkdir()
        (described / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: ingle\nVersion: {version}\n"
        )
        (described / "entry_points.txt").write_text(entry_points)


def node_of(place: Place) -> Any:
    """The node that runs in a place: version, pid. None: none runs."""
    return place.ok("ps", "--json").data


def program_says(place: Place, text: str) -> Any:
    """What a user's program prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", text], env=place.environment, cwd=place.home,
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    return json.loads(done.stdout)


class Program:
    """A user's program that has a long answer under way, until it is told to continue.

    The answer is longer than what is on its way while no one takes it, so it does not end before.
    """

    _TEXT = """
import sys
import ingle
try:
    from ingle.capabilities.chat.operation import Chat
    from ingle.operations import Message, Sampling, Text
except ImportError:
    from ingle.operations import Chat, Message, Sampling, Text
request = Chat(model="ember", on=sys.argv[1], max_tokens=900,
               sampling=Sampling(ignore_eos=True, temperature=0.0),
               messages=[Message(role="user", content="Tell me all about tar.")])
pieces = 0
with ingle.open(otherwise="background") as home:
    for event in home.events(request):
        if isinstance(event, Text):
            pieces += 1
            if pieces == 1:
                print("begun", flush=True)
                sys.stdin.readline()
            if pieces == 20:
                break
print(pieces, flush=True)
"""

    def __init__(self, place: Place, on: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._TEXT, on], env=place.environment, cwd=place.home,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line != b"begun\n":
            raise AssertionError(self._process.communicate())

    def more(self) -> int:
        """Take more, then leave; how many pieces came in all."""
        out, err = self._process.communicate(b"\n", timeout=60)
        assert self._process.returncode == 0, err.decode()
        return int(out.split()[-1])

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
