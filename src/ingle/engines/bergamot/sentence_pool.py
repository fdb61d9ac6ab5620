"""`SentencePool`: as many processes that translate as there are cores to use."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from ingle.engines.bergamot.sentence_process import (
    Answer,
    Failed,
    Lines,
    ModelPaths,
    Opened,
    read_message,
    write_message,
)
from ingle.engines.stop_signal import StopSignal
from ingle.errors import EngineFault, ModelLoadFailed

TOGETHER = 4
"""Lines of one message at most: between two, a cancel is heard."""


class _Process:
    """One of them, and what it said when it was asked to open the model."""

    def __init__(self, paths: ModelPaths) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ingle.engines.bergamot.sentence_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "RUST_BACKTRACE": "0"},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.opened = self._ask(paths)

    def lines(self, lines: Sequence[str]) -> list[str]:
        """Their translations. Raises EngineFault: the engine failed, and the process is over."""
        answer = self._ask(Lines(list(lines)))
        if isinstance(answer, Lines) and len(answer.lines) == len(lines):
            return answer.lines
        self.close()
        reason = answer.reason if isinstance(answer, Failed) else "it answered something else"
        raise EngineFault(f"fxtranslate failed on a sentence: {reason}", hint="ingle logs")

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._in.close()
        self._process.kill()
        self._process.wait()
        self._out.close()

    def _ask(self, message: msgspec.Struct) -> Answer:
        try:
            write_message(self._in, message)
            data = read_message(self._out)
            if data:
                answer: Answer = msgspec.msgpack.decode(data, type=Answer)
                return answer
        except (BrokenPipeError, msgspec.DecodeError):
            pass
        return Failed(f"its process ended ({self._process.wait()})")


class SentencePool:
    """See `ingle.engines.translators.translation_session.LineTranslator`.

    The first process is started at once, others when there is work for them.

    Raises:
        ModelLoadFailed: the model cannot be opened.
    """

    def __init__(self, paths: ModelPaths, model: str, processes: int) -> None:
        self._paths = paths
        self._model = model
        self._idle: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="sentences")
        self._lock = threading.Lock()
        self._closed = False
        first = self._started()
        assert isinstance(first.opened, Opened)
        self.backend = first.opened.backend
        for _ in range(processes - 1):
            self._idle.put(None)
        self._idle.put(first)
        self.at_once = 8 * processes

    def lines(self, lines: Sequence[str], source: str, target: str, stop: StopSignal) -> list[str]:
        groups = [lines[at : at + TOGETHER] for at in range(0, len(lines), TOGETHER)]
        if len(groups) == 1:
            return self._translated(groups[0], stop)
        asked = [self._threads.submit(self._translated, group, stop) for group in groups]
        try:
            return [line for each in asked for line in each.result()]
        finally:
            for each in asked:
                each.cancel()

    def close(self) -> None:
        """End all processes. Nothing is under way."""
        self._threads.shutdown(cancel_futures=True)
        while not self._idle.empty():
            process = self._idle.get()
            if process is not None:
                process.close()

    def _translated(self, lines: Sequence[str], stop: StopSignal) -> list[str]:
        stop.check()
        process = self._idle.get()
        fit: _Process | None = None
        try:
            if process is None:
                process = self._started()
            found = process.lines(lines)
            fit = process
            return found
        finally:
            self._idle.put(fit)

    def _started(self) -> _Process:
        process = _Process(self._paths)
        if isinstance(process.opened, Opened):
            return process
        process.close()
        reason = process.opened.reason if isinstance(process.opened, Failed) else ""
        raise ModelLoadFailed(
            f"fxtranslate cannot load {self._model}: {reason}",
            hint=f"ingle verify {self._model}",
            model=self._model,
        )
