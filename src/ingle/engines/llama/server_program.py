"""What a ``llama-server`` says of itself: version, flags, devices. Asked inside the sandbox only.

What it writes is bounded and taken apart, and nothing else of it is told: any program may lie at
the path, and what one prints of its environment or its files is no one's to read.

Source: ``tools/server/README.md`` and ``common/arg.cpp`` of llama.cpp.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

from ingle.engines import death
from ingle.engines.llama.listed_devices import parsed
from ingle.errors import EngineMissing
from ingle.operations import DeviceInfo

ANSWER_S = 20.0
"""A driver that starts a device for the first time takes seconds."""
ANSWER_BYTES = 1 << 20
_VERSION = re.compile(r"^version: ([\w.+-]{1,40})(?: \(([\w., ]{1,60})\))?", re.MULTILINE)
_FLAG = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")
_DEVICES = "Available devices:"

REQUIRED = (
    "--model", "--host", "--ctx-size", "--parallel", "--threads", "--jinja",
    "--no-prefill-assistant", "--list-devices",
)  # fmt: skip
"""Without one of these it cannot do what is asked of it, or would do it wrong."""
OPTIONAL = ("--cache-ram", "--no-webui", "--slots", "--props", "--no-warmup")
"""Left out where it does not have them: an older one behaves so without them."""
BY_ROLE = {
    "embed": ("--embedding", "--kv-unified", "--batch-size", "--ubatch-size"),
    "rerank": ("--reranking", "--kv-unified", "--batch-size", "--ubatch-size"),
}


class ServerProgram(NamedTuple):
    """A ``llama-server`` that has answered."""

    path: str
    version: str
    flags: frozenset[str]

    def require(self, flags: Sequence[str]) -> None:
        """Raises EngineMissing: it lacks a flag; names the flag and its version."""
        for flag in flags:
            if flag not in self.flags:
                raise EngineMissing(
                    f"the llama-server {self.version} at {self.path} lacks the flag {flag}, "
                    "which ingle needs",
                    hint="install a newer llama.cpp, or: ingle engine use llama",
                    flag=flag,
                    version=self.version,
                )

    def optional(self, *flag: str) -> list[str]:
        """A flag with its values, if it has it; else nothing."""
        return [*flag] if flag[0] in self.flags else []

    @property
    def lacking(self) -> list[str]:
        """The optional flags that it does not have."""
        return [flag for flag in OPTIONAL if flag not in self.flags]


@functools.lru_cache(maxsize=4)
def program(path: str) -> ServerProgram:
    """A binary's version and flags. Asked once in a process that needs them.

    Raises:
        EngineMissing: it is not there, does not run here, or is not a llama-server.
    """
    if not os.access(path, os.X_OK):
        raise EngineMissing(
            f"llama-server at {path} is not there or not executable",
            hint="ingle config set llama_server PATH",
        )
    found = _VERSION.search(_said(path, "--version"))
    if found is None:
        raise EngineMissing(
            f"{path} does not answer --version as llama-server does",
            hint="ingle config set llama_server PATH",
        )
    number, build = found.groups()
    version = f"{number} ({build})" if build else number
    flags = frozenset(_FLAG.findall(_said(path, "--help")))
    return ServerProgram(path, version, flags)


def devices(path: str) -> list[DeviceInfo]:
    """The devices that a binary finds, best first; the processor is not among them.

    Raises:
        EngineMissing: it cannot be asked.
    """
    said = _said(path, "--list-devices")
    if _DEVICES not in said:
        raise EngineMissing(
            f"{path} does not answer --list-devices as llama-server does",
            hint="install a newer llama.cpp, or: ingle engine use llama",
        )
    return parsed(said[said.index(_DEVICES) :])


def _said(path: str, question: str) -> str:
    """What it writes when it is asked.

    Raises:
        EngineMissing: it does not run here, or takes too long.
    """
    # A file, not a pipe: what a program writes without end, or keeps open, holds no one up.
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                [path, question],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        except OSError as error:
            raise EngineMissing(
                f"{path} does not run on this system ({error.strerror})",
                hint="ingle config set llama_server PATH",
            ) from None
        try:
            status = process.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            raise EngineMissing(
                f"{path} did not answer {question} within {ANSWER_S:g} s",
                hint="ingle engine use llama",
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if status:
            raise EngineMissing(
                f"{path} {question} failed ({death.how(status)})",
                hint="ingle config set llama_server PATH",
            )
        output.seek(0)
        return output.read(ANSWER_BYTES).decode(errors="replace")
