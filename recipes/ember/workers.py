"""Workers: a function of every job, by forked processes.

They inherit what the function needs rather than receive it: a corpus is too large to be sent.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

Given, Job, Result = TypeVar("Given"), TypeVar("Job"), TypeVar("Result")
CHUNK = 400  # documents that one of them reads at a time
inherited: tuple[Callable[[Any, Any], Any], Any] | None = None


def cores() -> int:
    return os.cpu_count() or 1


def work(job: Any) -> Any:
    assert inherited is not None, "set before the workers are forked"
    function, given = inherited
    return function(given, job)


def single_threaded() -> None:
    """As many threads again for the tokenizers of each of them would only be in the way."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def each(
    function: Callable[[Given, Job], Result], given: Given, jobs: Sequence[Job], spared: int = 0
) -> Iterator[Result]:
    """`function(given, job)` of every job, in order, by all cores but so many."""
    global inherited
    inherited = (function, given)
    if len(jobs) < 2:
        yield from map(work, jobs)
        return
    count = max(1, cores() - spared)
    with multiprocessing.get_context("fork").Pool(count, single_threaded) as pool:
        yield from pool.imap(work, jobs)


def ranges(count: int, size: int) -> list[range]:
    return [range(i, min(i + size, count)) for i in range(0, count, size)]


def on_chunk(given: tuple[Callable[..., Result], Any, tuple[Any, ...]], of: range) -> Result:
    function, items, more = given
    return function([items[i] for i in of], *more)


def chunked(function: Callable[..., Result], items: Sequence[Any], *more: Any) -> Iterator[Result]:
    """`function(some, *more)` of every so many of the items, in order."""
    return each(on_chunk, (function, items, more), ranges(len(items), CHUNK))
