"""A look at a chat template before the engine is given it: does it come to an end?

llama.cpp renders a template many times while it loads a model, and nothing in it stops one that
loops. So it is rendered once before, in a process that the kernel ends after a second of work.
What else is wrong with a template the engine says itself: this renderer has not all of its words.
"""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
import time
from typing import Any

from ingle.errors import BadModelFile

SECONDS = 1
"""Of work for one short conversation."""
MEMORY = 256 * 2**20
"""Bytes that it may take, beyond what the process starts with."""
ENDLESS = 3
"""The status of a process whose template asked for too much at once."""


def check(template: str, model: str) -> None:
    """Render it for a short conversation.

    Raises:
        BadModelFile: it does not end within `SECONDS` of work, or takes more than `MEMORY`.
    """
    process = subprocess.run(
        [sys.executable, "-P", "-m", "ingle.training.template_check"],
        input=template.encode("utf-8", "replace"), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    if process.returncode:
        raise BadModelFile(
            f"the chat template of {model} does not come to an end: a conversation of one message "
            f"takes more than {SECONDS} s, or more than {MEMORY >> 20} MiB",
            hint="ingle create NAME -f Modelfile, with a TEMPLATE that ends",
            model=model,
        )


def main() -> None:
    """Entry point of the process: reads a template, and ends with status 0 unless it is endless."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    template = sys.stdin.read()
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, **_: json.dumps(value)
    environment.globals["strftime_now"] = time.strftime
    environment.globals["raise_exception"] = _raise
    _limit()
    try:
        for _ in environment.from_string(template).generate(
            messages=[{"role": "user", "content": "Hello"}],
            tools=None, add_generation_prompt=True, bos_token="", eos_token="",
        ):  # fmt: skip
            pass  # the text itself is not wanted, and may be long
    except (OverflowError, MemoryError, RecursionError):
        sys.exit(ENDLESS)
    except Exception:
        return  # the engine says what else is wrong


def _limit() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime) + SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (spent, spent + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError):  # the process may be held to less already
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY * 2, MEMORY * 2))


def _raise(message: Any) -> None:
    from jinja2 import TemplateError

    raise TemplateError(str(message))


if __name__ == "__main__":
    main()
