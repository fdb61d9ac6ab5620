"""`TrlEnvironment`: the Python that has TRL, apart from ingle's own.

Its packages and ingle's want versions that clash, so it is an environment of its own
under the state directory, made by one command; or the one that the setting ``trl_python``
names. Nothing of it is ever imported here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ingle.config import Settings
from ingle.engines.pip import failure
from ingle.errors import DiskFull, EgressRefused, EngineMissing

INSTALL = "ingle train --install trl"
"""The command that makes it."""
REQUIREMENTS = Path(__file__).with_name("trl-requirements.txt")
SERIES = {
    "trl": ("1.16", "1.17"),
    "transformers": ("5.20", "6"),
    "peft": ("0.20", "1"),
    "accelerate": ("1.14", "2"),
    "datasets": ("4.7", "6"),
    "torch": ("2.10", "3"),
    "gguf": ("0.17", "1"),
}
"""What an environment of someone's own must have: from, and below. ``trl`` is that exactly
since some of what we hand over goes through its inner doors (docs/adr/0016)."""
NAMES = ("/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/resolv.conf")
"""How names are found: processes of one run look for ``localhost``, those of other nodes for
the first one."""
LOOK_S = 60.0
_PROBE = """
import importlib.metadata as m, json, sys, sysconfig
found = {}
for name in sys.argv[1:]:
    try: found[name] = m.version(name)
    except m.PackageNotFoundError: found[name] = None
paths = sysconfig.get_paths()
print(json.dumps([found, sorted({sys.prefix, sys.base_prefix, *paths.values(), *filter(None, sys.path)})]))
"""  # noqa: E501


class FoundTrl(NamedTuple):
    """An environment that will do."""

    python: str
    folders: tuple[str, ...]
    """What its Python reads."""


class TrlEnvironment:
    """The environment of a node.

    Args:
        settings: ``trl_python`` names one that exists; else it is under the state directory.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.folder = settings.state_path / "trl"

    @property
    def python(self) -> Path:
        """Its interpreter, whether it is there or not."""
        if self._settings.trl_python:
            return Path(self._settings.trl_python).expanduser().absolute()
        return self.folder / "bin" / "python"

    def find(self) -> FoundTrl:
        """Look whether it is there and will do.

        Raises:
            EngineMissing: there is none, it is broken, or a package is missing, too old or too
                new; says which.
        """
        named = bool(self._settings.trl_python)
        if not self.python.is_file():
            what = f"{self.python} is not there" if named else "it has none yet"
            raise EngineMissing(
                f"TRL needs its own Python environment, and {what}",
                hint="ingle config set trl_python PATH" if named else INSTALL,
            )
        hint = f"{self.python} -m pip install -r {REQUIREMENTS}" if named else INSTALL
        try:
            asked = subprocess.run(
                [self.python, "-I", "-c", _PROBE, *SERIES], capture_output=True, text=True,
                timeout=LOOK_S, check=True,
            )  # fmt: skip
            versions, folders = json.loads(asked.stdout)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            words = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            raise EngineMissing(
                f"TRL's environment is broken: {self.python} does not answer "
                f"({words[-1] if words else error})",
                hint=hint,
            ) from None
        wrong = [
            f"{name} {found or 'missing'} (wanted: from {low}, below {high})"
            for name, (low, high) in SERIES.items()
            for found in (versions[name],)
            if found is None or not _numbers(low) <= _numbers(found) < _numbers(high)
        ]
        if wrong:
            raise EngineMissing(
                f"TRL's environment does not meet the requirements: {', '.join(wrong)}", hint=hint
            )
        existing = tuple(path for path in (*folders, *NAMES) if Path(path).exists())
        return FoundTrl(str(self.python), existing)

    def make(self, told: Callable[[str], None]) -> FoundTrl:
        """Make it, or make it again: pinned packages, from the package registry that pip is
        set up for.

        Raises:
            EgressRefused: nothing may be fetched.
            NetworkError: pip could not fetch or install them; its last words.
            DiskFull: no room.
        """
        if self._settings.egress == "deny":
            raise EgressRefused(
                "installing TRL needs to download packages, and egress is denied",
                hint="ingle config set egress allow",
            )
        told(f"TRL's environment: {self.folder}")
        self._run([sys.executable, "-m", "venv", "--clear", str(self.folder)])
        told("fetches TRL, transformers, PEFT, accelerate, datasets and torch (some GB)")
        python = str(self.folder / "bin" / "python")
        self._run([python, "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)])
        made = TrlEnvironment(_without_choice(self._settings))
        return made.find()

    def _run(self, command: list[str]) -> None:
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise DiskFull(
                f"{self.folder}: {error.strerror}", hint="free disk space: ingle df"
            ) from None
        if done.returncode:
            lines = (done.stderr or done.stdout).splitlines()
            what = "creating TRL's environment"
            raise failure(done.returncode, lines, what=what, hint=INSTALL, path=str(self.folder))


def handing(settings: Settings, plan: dict[str, Any]) -> dict[str, Any]:
    """What a `TrainingJob` says of the environment, if TRL is to train.

    Args:
        plan: the run's settings.

    Raises:
        EngineMissing: there is none that will do.
        EgressRefused: it would talk to other nodes, and egress is denied.
    """
    if plan.get("backend") != "trl":
        return {}
    found = TrlEnvironment(settings).find()
    network = int(plan.get("nnodes", 1)) > 1
    if network and settings.egress == "deny":
        raise EgressRefused(
            "gradients would go to the other nodes, and egress is denied",
            hint="ingle config set egress allow",
        )
    return {"python": found.python, "readable": found.folders, "network": network}


def _without_choice(settings: Settings) -> Settings:
    import msgspec

    return msgspec.structs.replace(settings, trl_python="")


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: ``2.13.0+cpu`` is 2, 13, 0."""
    import re

    found: Any = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
