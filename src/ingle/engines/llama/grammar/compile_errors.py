"""Why a grammar or a schema does not compile, found out within limits of time and memory.

All grammars of one request share `REQUEST_S`. Whoever stops waiting ends what is compiled for it.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import re
import threading
import time
from collections.abc import Callable, Iterator

from ingle.engines.llama.grammar.compiler_process import CompilerProcess
from ingle.errors import InvalidRequest

REQUEST_S = 8.0
"""Seconds for all grammars of one request."""
HEARD_S = 0.25
"""The least time between two questions whether anyone still waits."""
SHORT, LONG = 2**11, 2**17
"""Characters of grammars of which it is remembered whether they compile: many, or a few."""
_PLACE = re.compile(r"^(at )?\d+\(\d+\): |^failed to compile JSON schema: ")
_thread = threading.local()


@contextlib.contextmanager
def compiling(hear: Callable[[], None]) -> Iterator[None]:
    """What is compiled by this thread within the block is for one request.

    Args:
        hear: raises if no one waits for it any more.
    """
    heard_at = time.monotonic()
    until = heard_at + REQUEST_S

    def heard() -> None:
        nonlocal heard_at
        now = time.monotonic()
        if now - heard_at < HEARD_S:
            return
        heard_at = now
        hear()
        if now > until:
            raise InvalidRequest(
                f"compiling the schemas of the request takes more than {REQUEST_S:g} s",
                hint="send fewer or smaller schemas",
                field="tools",
            )

    _thread.hear = heard
    try:
        yield
    finally:
        del _thread.hear


def grammar_error(grammar: str) -> str:
    """Why a grammar in LLGuidance's dialect of Lark does not compile; empty if it does."""
    if len(grammar) <= SHORT:
        return _error_of_short(grammar)
    return _error_of_long(grammar) if len(grammar) <= LONG else _error(grammar)


def schema_error(schema: str) -> str:
    """The same for a JSON Schema alone, as JSON text."""
    return grammar_error(f"%llguidance {{}}\nstart: %json {schema}")


@functools.cache
def _compiler() -> CompilerProcess:
    process = CompilerProcess()
    atexit.register(process.close)
    return process


def _error(grammar: str) -> str:
    return _plain(_compiler().error(grammar, _hear()))


_error_of_short = functools.lru_cache(maxsize=4096)(_error)
_error_of_long = functools.lru_cache(maxsize=128)(_error)


def _hear() -> Callable[[], None]:
    found: Callable[[], None] = getattr(_thread, "hear", _no_one_leaves)
    found()
    return found


def _no_one_leaves() -> None:
    pass


def _plain(message: str) -> str:
    """Its first line without the place, or the one that a regular expression's error ends with."""
    lines = message.splitlines()
    for line in lines:
        if line.startswith("error: "):
            return line.removeprefix("error: ")
    reason = lines[0] if lines else ""
    while (shorter := _PLACE.sub("", reason)) != reason:
        reason = shorter
    return reason
