"""`Processes`: a run's processes in TRL's environment, and the lines that they send."""

from __future__ import annotations

import io
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ingle.engines import death
from ingle.errors import EngineMissing, IngleError, WorkerDied, from_data
from ingle.training.trl.placement import Placement
from ingle.training.trl.trl_job import EVENTS

ENTRY = "ingle.training.trl.inside"
LOOK_S = 0.2
OFFLINE = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "TOKENIZERS_PARALLELISM": "false",
    "TRL_EXPERIMENTAL_SILENCE": "1",
}  # fmt: skip


class TrlPython:
    """TRL's Python, and what it is given of ingle.

    Args:
        folder: of the run, for what is made here.
        cache: where its libraries keep theirs.
    """

    def __init__(self, python: str, folder: Path, cache: Path) -> None:
        self.python = python
        # Only ingle's own package: the libraries beside it are of another environment.
        library = folder / "library"
        library.mkdir(parents=True, exist_ok=True)
        link = library / "ingle"
        link.unlink(missing_ok=True)
        link.symlink_to(Path(__file__).resolve().parents[2])
        kept = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
        self.variables = {
            **kept, **OFFLINE, "PYTHONPATH": str(library), "HF_HOME": str(cache / "trl" / "hub"),
        }  # fmt: skip

    def ask(self, *arguments: str) -> str:
        """What a short program prints.

        Raises:
            EngineMissing: it failed; with its last words.
        """
        done = subprocess.run(
            [self.python, *arguments], env=self.variables, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise EngineMissing(
                f"TRL's environment is broken: {death.last_words(done.stderr.splitlines())}",
                hint="ingle train --install trl",
            )
        return done.stdout


class Processes:
    """All processes of a run on this node, under ``accelerate launch``. A context manager:
    leaving it ends them.

    Args:
        folder: with the job's file; the pipe of progress is made there.
    """

    def __init__(
        self, environment: TrlPython, folder: Path, job: Path, placement: Placement, name: str
    ) -> None:
        self._name = name
        self._tail = death.StderrTail(200)
        pipe = folder / EVENTS
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe, 0o600)
        # For reading and writing: then it has no end, however processes come and go.
        self._pipe = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        config = folder / "accelerate.json"
        config.write_text(json.dumps(placement.config(_free_port()), indent=1))
        self._process = subprocess.Popen(
            [
                environment.python, "-m", "accelerate.commands.launch",
                "--config_file", str(config), "-m", ENTRY, str(job),
            ],
            env={**environment.variables, **placement.variables},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            cwd=folder, preexec_fn=_end_with_parent,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read_words, daemon=True)
        self._reader.start()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # the kernel ends those that it started
        self._process.wait()
        self._reader.join(timeout=5.0)
        os.close(self._pipe)

    def lines(self, stopping: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        """What they tell, until they have ended.

        Args:
            stopping: it is to stop. Before the first step there is nothing to save, and other
                nodes may never come: then it is not waited for.

        Raises:
            IngleError: what they say that ended them.
            WorkerDied: they ended without a word; with the last ones on their stderr.
        """
        buffer = b""
        error: IngleError | None = None
        begun = False
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipe, selectors.EVENT_READ)
            while True:
                code = self._process.poll()
                # What was written before it ended is read after it has.
                while selector.select(0 if code is not None else LOOK_S):
                    buffer += os.read(self._pipe, 1 << 16)
                    *whole, buffer = buffer.split(b"\n")
                    for line in whole:
                        found = json.loads(line)
                        if found["kind"] == "error":
                            error = error or from_data(found["error"])
                        else:
                            begun = True
                            yield found
                if not begun and stopping():
                    return
                if code is not None:
                    break
        self._reader.join(timeout=5.0)
        if error is not None:
            raise error
        if code:
            raise self._died(code)

    def _died(self, code: int) -> WorkerDied:
        how = death.with_last_lines(death.how(code), self._tail.lines)
        return WorkerDied(
            f"the process that trained {self._name} with TRL died {how}",
            hint=f"ingle train --resume {self._name}",
        )

    def _read_words(self) -> None:
        assert isinstance(self._process.stderr, io.BufferedReader)
        with self._process.stderr as stderr:
            while data := stderr.read1(1 << 16):
                sys.stderr.buffer.write(data)
                sys.stderr.flush()
                self._tail.feed(data)


def _end_with_parent() -> None:
    """In the child: the kernel ends it when its parent ends."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
