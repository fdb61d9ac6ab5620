"""Why a process died, in words: from its exit code, and from what it wrote to stderr.

Pure: nothing here starts, reads or ends a process.
"""

from __future__ import annotations

import re
import signal
from collections import deque
from collections.abc import Iterable, Sequence

LONGEST = 500
"""Characters of a line that are told."""

_MAX_LINE = 8 * 1024
"""Bytes of a line that are kept; progress bars and dumps may never end theirs."""

_NOISE = re.compile(
    r"""
      \s*$
    # Debuggers that an aborting program has attach to it (gdb, lldb), and their complaints.
    | \#\d+\s | \[(New\ LWP|Thread\ debugging|Inferior\ \d) | Using\ host\ libthread_db
    | warning:\s | ptrace:\s | No\ stack\. | No\ symbol | The\ program\ is\ not\ being\ run\.
    | (Could\ not\ attach|Attaching)\ to\ (process|program) | Reading\ symbols | Missing\ separate
    | 0x[0-9a-f]+\ in\  | Thread\ \d+\ \( | \d+\t | This\ GDB\ supports | Enable\ debuginfod
    | Debuginfod\ has | Downloading\ (separate|source)
    | To\ enable\ execution\ of\ this\ file | line\ to\ your\ configuration\ file
    | To\ completely\ disable\ this\ security | For\ more\ information\ about\ this\ security
    | \s+(add-auto-load-safe-path|set\ auto-load|info\ "\(gdb\)) | "Auto-loading\ safe\ path"
    | \((lldb|gdb)\) | Process\ \d+\ (stopped|detached)
    | error:\ (attach\ failed|Command\ requires\ a)
    | (\*\ |\s+)?(thread|frame)\ \#\d+ | Executable\ (binary|module) | Architecture\ set
    # Frames that a program prints of itself.
    | \S*\(\S*\+0x[0-9a-f]+\)\s*\[0x | \d+\ +\S+\ +0x[0-9a-f]{8,} | Extension\ modules:
    | (Current\ t|T)hread\ 0x[0-9a-f]+ | note:\ run\ with\ `RUST_BACKTRACE
    # What shells and launchers repeat of an exit code.
    | (Aborted|Killed|Terminated|Segmentation\ fault|Bus\ error|Illegal\ instruction)
      (\ \(core\ dumped\))?$
    | subprocess\.CalledProcessError | torch\.distributed\.elastic\.
    | \S+\.cuh?:\d+:\ (CUDA|HIP|MUSA)\ error$
    """,
    re.VERBOSE,
)

_SOURCE = r"\S+\.(?:c|cc|cpp|cxx|cu|cuh|h|hh|hpp|m|mm|inc)"

_TELLING = re.compile(
    rf"""
      {_SOURCE}:\d+:\s\S                                        # GGML_ASSERT, GGML_ABORT
    | .*\bAssertion\s.*\sfailed                                 # assert(3), libstdc++, CUDA
    | (terminate\ called|libc\+\+abi:|pure\ virtual\ method)\s
    | (free|malloc|realloc|munmap_chunk|malloc_consolidate)\(\):\s
    | double\ free\ or\ corruption | corrupted\ (size|double-linked)
    | \*\*\*\ \w+\ \w+\ detected
    | Fatal\ Python\ error:
    | thread\ '.*'\s(\(\d+\)\s)?panicked\ at
    | [\w.]*(Error|Exception|OutOfMemory|KeyboardInterrupt)(:|$)  # Python
    | .*\bSignal\ \d+\ \(SIG(?!ABRT|TERM)\w+\)\ received  # torch's launcher, of the first that died
    """,
    re.VERBOSE,
)
"""What a program says when it ends by itself."""

_COMPLAINT = re.compile(r"\d[\d.]+ E ")
"""llama.cpp's log, at the level of errors. The first one says most, the others follow from it."""

_ERROR = re.compile(r"(?i)(.*[\s:\[]|)(error|fatal)\b|.*\bSignal \d+ \(SIG\w+\) received")

_RANK = re.compile(r"\[(?:rank\d+|default\d+)\]: ?")
_MARK = re.compile(r"\d+(?:\.\d+)+ [A-Z] +|traceback : ")
_TRACEBACK = "Traceback (most recent call last):"
_THROWN = re.compile(r"terminate called after throwing an instance of '(.+)'")
_WHAT = re.compile(r"\s+what\(\):\s+(.+)")


class StderrTail:
    """The last lines of a stream of bytes, without empty ones.

    Args:
        lines: how many are kept.
    """

    def __init__(self, lines: int) -> None:
        self._lines: deque[bytes] = deque(maxlen=lines)
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Add bytes as they come, which need not end with a line."""
        *whole, rest = re.split(rb"\r\n?|\n", data)
        for line in whole:
            if found := (self._rest + line).rstrip():
                self._lines.append(found[:_MAX_LINE])
            self._rest = b""
        self._rest = (self._rest + rest)[:_MAX_LINE]

    @property
    def lines(self) -> list[str]:
        """The lines, oldest first, and what came after the last line's end."""
        rest = self._rest.rstrip()
        kept = [*self._lines, rest] if rest else list(self._lines)
        return [line.decode(errors="replace") for line in kept]


def how(code: int | None, *, ours: bool = False) -> str:
    """What ended a process.

    Args:
        code: as `subprocess` gives it, or as bubblewrap and shells report a signal
            (128 and more); None: the process has not ended, and hung up.
        ours: it was killed by us, so that a kill needs no other explanation.
    """
    if code is None:
        return "it closed its socket"
    number = -code if code < 0 else code - 128
    if number not in {item.value for item in signal.Signals}:
        return f"exit status {code}" if code >= 0 else f"killed by signal {number}"
    name = signal.Signals(number).name
    if number == signal.SIGKILL and not ours:
        return f"killed by {name}, possibly because memory ran out"
    if number == signal.SIGILL:
        return f"killed by {name}: it was built for a newer processor than this one"
    return f"killed by {name}"


def last_words(lines: Sequence[str]) -> str:
    """The line of a stderr that says best why its process ended; empty if there is none.

    That is the last failed assertion, exception or complaint of the C library; else what the
    engine logged as an error first; else the last error; else the last line that is not a
    debugger's or a launcher's.
    """
    said = list(_last_messages(_RANK.sub("", line, count=1).rstrip() for line in lines))
    plain = [line for line, _ in said]
    best = (
        [line for line, telling in said if telling][-1:]
        or [line for line in plain if _COMPLAINT.match(line)][:1]
        or [line for line in plain if _ERROR.match(line)][-1:]
        or plain[-1:]
        or [line for line in lines if line.strip()][-1:]
    )
    if not best:
        return ""
    line = best[0].strip()
    mark = _MARK.match(line)
    return line[mark.end() if mark else 0 :][:LONGEST]


def with_last_lines(how: str, lines: Sequence[str]) -> str:
    """How a process died, as it follows "died": in brackets, with its last words if any."""
    words = last_words(lines)
    return f"({how})" + (f"; its last words: {words}" if words else "")


def _last_messages(lines: Iterable[str]) -> Iterable[tuple[str, bool]]:
    """Lines without noise, those that belong together joined; and whether one is known to tell."""
    within = False  # a traceback, whose first line that is not indented is the exception
    thrown = panicked = ""
    for line in lines:
        if thrown:
            what = _WHAT.match(line)
            yield (_joined(thrown, what[1] if what else ""), True)
            thrown = ""
            if what:
                continue
        if panicked:
            yield (f"{panicked} {line.strip()}", True)
            panicked = ""
            continue
        if line.endswith(_TRACEBACK):
            within = True
        elif within and line and not line[0].isspace():
            within = False
            if not _NOISE.match(line):
                yield (line, True)
        elif within or _NOISE.match(line):
            continue
        elif found := _THROWN.match(line):
            thrown = found[1]
        elif line.startswith("thread '") and " panicked at " in line and line.endswith(":"):
            panicked = line
        else:
            yield (line, _TELLING.match(line) is not None)
    if thrown or panicked:
        yield (thrown or panicked, True)


def _joined(kind: str, what: str) -> str:
    return kind if what in ("", kind) else f"{kind}: {what}"
