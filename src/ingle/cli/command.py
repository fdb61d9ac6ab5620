"""What commands share: their common options, and running a coroutine against the node."""

from __future__ import annotations

import asyncio
import functools
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click

from ingle.cli.output import Output
from ingle.errors import Cancelled

T = TypeVar("T")


def options(function: Callable[..., T]) -> Callable[..., T]:
    """Give a command ``--json``, ``--state-dir`` and ``--models-dir``, and its `Output`."""

    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.option("--state-dir", metavar="DIR", help="Directory of the node's state.")
    @click.option("--models-dir", metavar="DIR", help="Directory of the models.")
    @functools.wraps(function)
    def command(
        *args: Any,
        as_json: bool,
        state_dir: str | None,
        models_dir: str | None,
        **kwargs: Any,
    ) -> T:
        root = click.get_current_context().find_root().obj
        root["flags"] = {"state_dir": state_dir, "models_dir": models_dir}
        return function(Output(as_json=as_json, debug=root["debug"]), *args, **kwargs)

    return command


def flags(**more: Any) -> dict[str, Any]:
    """The settings given on this command line."""
    given: dict[str, Any] = click.get_current_context().find_root().obj.get("flags", {})
    return {**given, **more}


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a command's coroutine. Ctrl-C cancels it, which stops the work on the node, too.

    Raises:
        Cancelled: it was interrupted.
    """

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work()

    try:
        return asyncio.run(guarded())
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise Cancelled("interrupted") from None
