"""What ``ingle launch --print`` shows: the lines that do the same in a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingle.cli.launch.launch_program import LaunchProgram, ModelAccess
from ingle.cli.launch.model_choice import ModelChoice
from ingle.config import Settings

ANY_KEY = "none"
"""Programs want a key; the server takes any where no token is set."""
OWN_KEY = "$INGLE_TOKEN"


def printed_access(settings: Settings, choice: ModelChoice) -> ModelAccess:
    """The model as `ingle serve` offers it. A token is named by its variable, never shown."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    token = OWN_KEY if settings.token else ANY_KEY
    return ModelAccess(f"http://{host}:{settings.port}", token, choice.model, choice.context)


def printed_lines(
    program: LaunchProgram, access: ModelAccess, arguments: Sequence[str]
) -> Iterator[str]:
    """The lines to paste into a shell."""
    yield f"# in another terminal: {_serve(access)}"
    for name in program.unset:
        yield f"unset {name}"
    for name, text in program.variables(access).items():
        yield f"export {name}={_quoted(text)}"
    if program.folder_variable:
        yield f"export {program.folder_variable}=$(mktemp -d)"
        for name, text in program.files(access).items():
            place = f'"${program.folder_variable}"/{shlex.quote(name)}'
            yield f"printf %s {_quoted(text)} > {place}"
    yield " ".join(_quoted(part) for part in program.command_line(access, arguments))


def printed_values(
    program: LaunchProgram, access: ModelAccess, arguments: Sequence[str]
) -> Mapping[str, Any]:
    """The same for programs."""
    return {
        "program": program.name,
        "model": access.model,
        "context": access.context,
        "server": _serve(access),
        "unset": list(program.unset),
        "environment": dict(program.variables(access)),
        "folder": program.folder_variable,
        "files": dict(program.files(access)),
        "command": program.command_line(access, arguments),
    }


def _serve(access: ModelAccess) -> str:
    return f"ingle serve --context {access.context}"


def _quoted(text: str) -> str:
    """For a shell, which puts the token in its place."""
    return (
        f"{OWN_KEY}".join(
            shlex.quote(part) if part else "" for part in text.split(OWN_KEY)
        ).replace(OWN_KEY, f'"{OWN_KEY}"')
        or "''"
    )
