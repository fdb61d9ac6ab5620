"""The command line as a user has it: real processes, in a folder of their own."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "ingle.cli.main"]
DEADLINE_S = 40.0


@dataclasses.dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error that ``--json`` put on stderr."""
        error: dict[str, Any] = json.loads(self.err)["error"]
        return error


class Place:
    """A home directory with its own state, models and settings."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self._started: list[subprocess.Popen[bytes]] = []
        self.state = home / "state"
        kept = {name: text for name, text in os.environ.items() if not name.startswith("INGLE_")}
        self.environment = {
            **kept,
            "HOME": str(home),
            "INGLE_STATE_DIR": str(self.state),
            "INGLE_MODELS_DIR": str(home / "models"),
            "INGLE_CONFIG": str(home / "config.toml"),
            "INGLE_CONTEXT": "1024",
            "INGLE_SLOTS": "2",
            "INGLE_THREADS": "1",
            "INGLE_IDLE_EXIT": "60s",
            **variables,
        }

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        environment = {**self.environment, **options.pop("variables", {})}
        options.setdefault("cwd", self.home)
        process = subprocess.Popen([*COMMAND, *arguments], env=environment, **options)
        self._started.append(process)
        return process

    def ingle(self, *arguments: str, stdin: str | bytes = b"", **variables: str) -> Ended:
        """Run a command to its end."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        with self.start(*arguments, stdin=subprocess.PIPE, variables=variables) as process:
            out, err = process.communicate(data, DEADLINE_S)
        return Ended(process.returncode, out.decode(), err.decode())

    def ok(self, *arguments: str, stdin: str | bytes = b"", **variables: str) -> Ended:
        """Run a command that must succeed."""
        ended = self.ingle(*arguments, stdin=stdin, **variables)
        assert ended.status == 0, ended
        return ended

    def busy_slots(self) -> int:
        report = self.ok("ps", "--json").data
        return sum(worker.get("active", 0) for worker in report["workers"])

    def stop(self) -> None:
        self.ok("stop", "--node")

    def close(self) -> None:
        """End everything, also after a test that failed half-way."""
        for process in self._started:
            if process.poll() is None:
                with process:
                    process.kill()
        self.stop()


def ended(
    process: subprocess.Popen[bytes], number: int | None = None, seconds: float = DEADLINE_S
) -> Ended:
    """Send a signal, if one is given, and wait for the end."""
    with process:
        if number is not None:
            process.send_signal(number)
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            raise
    return Ended(process.returncode, (out or b"").decode(), (err or b"").decode())
