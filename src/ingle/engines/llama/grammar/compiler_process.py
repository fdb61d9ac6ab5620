"""The compiler of grammars in a process of its own, which is given up if it takes too much."""

from __future__ import annotations

import contextlib
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from ingle.engines.llama.grammar.compiler import LENGTH
from ingle.errors import EngineFault

COMPILED_S = 3.0
"""Seconds for one grammar."""
COMPILED_BYTES = 256 * 2**20
"""Memory for one grammar, beyond what the process starts with."""
HEARD_S = 0.1
"""How often it is asked whether anyone still waits."""
_START_S = 30.0


class CompilerProcess:
    """Started when it is first asked, and again after it was given up. Thread-safe."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._one_at_a_time = threading.Lock()

    def error(self, grammar: str, hear: Callable[[], None]) -> str:
        """Why a grammar does not compile, within the limits; empty if it does.

        Args:
            hear: called while it waits; raises if no one waits for the answer any more.

        Raises:
            EngineFault: the process does not start.
        """
        while not self._one_at_a_time.acquire(timeout=HEARD_S):
            hear()
        try:
            return self._answer(grammar.encode(), hear)
        except BaseException:
            self._give_up()
            raise
        finally:
            self._one_at_a_time.release()

    def close(self) -> None:
        """End the process, if there is one."""
        with self._one_at_a_time:
            self._give_up()

    def _answer(self, grammar: bytes, hear: Callable[[], None]) -> str:
        process = self._running(hear)
        try:
            self._send(process, grammar)
            if not self._has_answered(process, COMPILED_S, hear):
                self._give_up()
                return f"compiling it takes more than {COMPILED_S:g} s"
            message = self._received(process)
        except BrokenPipeError:
            message = None
        if message is None:
            self._give_up()
            return f"compiling it takes more than {COMPILED_BYTES >> 20} MiB of memory"
        return message.decode(errors="replace")

    def _running(self, hear: Callable[[], None]) -> subprocess.Popen[bytes]:
        """The process, once it answers."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._process = started = subprocess.Popen(
            [sys.executable, "-P", "-m", "ingle.engines.llama.grammar.compiler",
             str(COMPILED_BYTES)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._send(started, b"start: /a/")
        if not self._has_answered(started, _START_S, hear) or self._received(started) is None:
            raise EngineFault("the compiler of grammars did not start", hint="ingle logs")
        return started

    def _send(self, process: subprocess.Popen[bytes], message: bytes) -> None:
        assert process.stdin is not None
        process.stdin.write(LENGTH.pack(len(message)) + message)
        process.stdin.flush()

    def _has_answered(
        self, process: subprocess.Popen[bytes], within: float, hear: Callable[[], None]
    ) -> bool:
        """Its answer, or its end, came in time."""
        assert process.stdout is not None
        until = time.monotonic() + within
        while not select.select([process.stdout], [], [], HEARD_S)[0]:
            hear()
            if time.monotonic() > until:
                return False
        return True

    def _received(self, process: subprocess.Popen[bytes]) -> bytes | None:
        assert process.stdout is not None
        head = process.stdout.read(LENGTH.size)
        return process.stdout.read(*LENGTH.unpack(head)) if len(head) == LENGTH.size else None

    def _give_up(self) -> None:
        """End it. The next grammar gets another one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
