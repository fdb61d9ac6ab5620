"""EchoEngine: says back what it was asked, with no model. For tests of what is around engines.

Options of its `LoadSpec` make it misbehave on purpose: ``die_on_load``,
``abort_on_load`` (what it writes to stderr before), ``die_on`` (a text that kills the process),
``fail_on`` (a text that is an error), ``delay_s`` (seconds between words), ``fail_on_load``,
``starts`` (a command that runs beside it, in a session of its own), ``deaf`` (it ignores SIGTERM),
and texts at which it gets stuck: ``seize_on`` (it waits for ever and holds Python's lock),
``spin_on`` (it computes for ever), ``grow_on`` (it takes memory for ever); ``seize_on_load`` and
``grow_on_load`` do so while it loads.

It is not installed: tests that want it name `ECHO` in an entry point of their own.
"""

from __future__ import annotations

import array
import atexit
import ctypes
import hashlib
import os
import signal
import subprocess
import sys
import time
from typing import Any, ClassVar

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.capabilities.tokenize.operation import (
    CountTokens,
    Detokenize,
    Detokenized,
    TokenCounts,
    Tokenize,
    Tokenized,
)
from ingle.engines.declaration import EngineDeclaration
from ingle.engines.engine import Emit, Feed, LoadSpec, Session, context_of
from ingle.errors import CapabilityMissing, EngineFault, ModelLoadFailed
from ingle.operations import DeviceInfo, Finish, Generation, Operation, Text, Timing, Usage
from ingle.operations.tokens import over_limit

DIMENSIONS = 8
BLOCK = 16 * 2**20
"""Bytes that it takes, or computes, at once when it is stuck."""

ECHO = EngineDeclaration(
    name="echo",
    loader="ingle.testing.echo:EchoEngine",
    formats=("gguf",),
    capabilities=("chat", "complete", "embed", "tokenize", "detokenize"),
    options=(
        "context",
        "die_on",
        "die_on_load",
        "abort_on_load",
        "fail_on",
        "fail_on_load",
        "last_words",
        "delay_s",
        "starts",
        "deaf",
        "seize_on",
        "seize_on_load",
        "spin_on",
        "grow_on",
        "grow_on_load",
    ),
    adapters=True,
    reports_progress=True,
)


class EchoEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "echo"

    def version(self) -> str:
        return "1"

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> Session:
        if spec.options.get("die_on_load"):
            os.kill(os.getpid(), signal.SIGKILL)
        if words := spec.options.get("abort_on_load"):
            sys.stderr.write(words)
            sys.stderr.flush()
            os.abort()
        if command := spec.options.get("starts"):
            subprocess.Popen(command, start_new_session=True, close_fds=False)
        if words := spec.options.get("last_words"):
            atexit.register(_say_late, words, float(spec.options.get("delay_s", 0.0)))
        if spec.options.get("deaf"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if spec.options.get("seize_on_load"):
            _seize()
        if spec.options.get("grow_on_load"):
            _grow()
        if spec.options.get("fail_on_load"):
            raise ModelLoadFailed("told to fail", hint="do not tell it to")
        return EchoSession(spec)


class EchoSession:
    """See `ingle.engines.engine.Session`."""

    def __init__(self, spec: LoadSpec) -> None:
        self._spec = spec
        self.facts: dict[str, Any] = {"context": context_of(spec)}

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        match operation:
            case Chat(messages=messages):
                self._say(messages[-1].text, operation, emit)
            case Complete(prompt=str(prompt)):
                self._say(prompt, operation, emit)
            case Embed(inputs=inputs):
                _check_limit(sum(len(str(text)) for text in inputs), operation.token_limit)
                rows = [_vector(str(text)) for text in inputs]
                emit(
                    Embedded(
                        model=self._spec.model,
                        digest=self._spec.digest,
                        dimensions=DIMENSIONS,
                        data=b"".join(row.tobytes() for row in rows),
                        usage=Usage(prompt_tokens=sum(len(str(text)) for text in inputs)),
                    )
                )
            case Tokenize(text=text):
                emit(Tokenized(tokens=list(text.encode()), text=text))
            case CountTokens(texts=texts):
                emit(TokenCounts(counts=[len(text.encode()) for text in texts]))
            case Detokenize(tokens=tokens):
                data = bytes(token % 256 for token in tokens)
                emit(Detokenized(text=data.decode(errors="replace")))
            case _:
                raise CapabilityMissing(f"echo cannot perform {type(operation).__name__}")

    def close(self) -> None:
        pass

    def _say(self, text: str, operation: Generation, emit: Emit) -> None:
        options = self._spec.options
        if options.get("die_on") and options["die_on"] in text:
            os.kill(os.getpid(), signal.SIGSEGV)
        if options.get("fail_on") and options["fail_on"] in text:
            raise EngineFault("told to fail", hint="do not tell it to")
        for option, get_stuck in STUCK.items():
            if options.get(option) and options[option] in text:
                get_stuck()
        words = text.split(" ")
        most = _most(operation, len(words))
        said = 0
        for choice in range(operation.n):
            said += self._choice(words, choice, most, emit)
        emit(Usage(prompt_tokens=len(words), completion_tokens=said))
        emit(Timing())

    def _choice(self, words: list[str], choice: int, most: int | None, emit: Emit) -> int:
        """Say one choice; the number of its words."""
        for count, word in enumerate(words):
            if most is not None and count >= most:
                emit(Finish(reason="length", index=choice))
                return count
            time.sleep(float(self._spec.options.get("delay_s", 0.0)))
            emit(Text(text=word if count == 0 else f" {word}", index=choice))
        emit(Finish(reason="stop", index=choice))
        return len(words)


def _most(operation: Generation, prompt: int) -> int | None:
    """Words of each choice; None: as many as there are."""
    if operation.token_limit is None:
        return operation.max_tokens
    each = (operation.token_limit - prompt) // operation.n
    if each < 1:
        raise over_limit(prompt + operation.n, operation.token_limit)
    return min(each, operation.max_tokens or each)


def _check_limit(tokens: int, limit: int | None) -> None:
    if limit is not None and tokens > limit:
        raise over_limit(tokens, limit)


def _seize() -> None:
    """As a C extension does that waits and never lets Python's lock go."""
    while True:
        ctypes.PyDLL(None).pause()


def _spin() -> None:
    """As a native thread does whose loop has no end: Python runs on beside it."""
    while True:
        hashlib.sha256(bytes(BLOCK))  # which lets the lock go


def _grow() -> None:
    """Take memory, and touch it, as fast as the system gives it."""
    taken = []
    while True:
        taken.append(b"\1" * BLOCK)


STUCK = {"seize_on": _seize, "spin_on": _spin, "grow_on": _grow}
"""Options, and what a text of theirs makes the engine do."""


def _say_late(words: str, delay_s: float) -> None:
    """As an engine does whose log is written by a thread of its own."""
    time.sleep(delay_s)
    sys.stderr.write(words)
    sys.stderr.flush()


def _vector(text: str) -> array.array[float]:
    digest = hashlib.sha256(text.encode()).digest()[:DIMENSIONS]
    length = sum(byte * byte for byte in digest) ** 0.5
    return array.array("f", (byte / length for byte in digest))
