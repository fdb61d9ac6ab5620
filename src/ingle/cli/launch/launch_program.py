"""`LaunchProgram`: what ``ingle launch`` must know of a program."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

Dialect = Literal["anthropic", "openai", "responses"]


class ModelAccess(NamedTuple):
    """Where a program finds its model."""

    url: str
    """The server, without a path."""
    token: str
    model: str
    context: int
    """Tokens of its prompt and its answer together."""

    @property
    def openai_url(self) -> str:
        """The base URL of OpenAI's dialect."""
        return f"{self.url}/v1"

    @property
    def answer(self) -> int:
        """Tokens of an answer that leave most of the context to the prompt."""
        return self.context // 4


def _nothing(access: ModelAccess) -> Mapping[str, str]:
    return {}


def _no_arguments(access: ModelAccess) -> Sequence[str]:
    return ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class LaunchProgram:
    """A program, and how it is told of a model.

    Args:
        name: as in ``ingle launch NAME``.
        title: as its makers write it.
        command: the executable.
        install: the command that installs it.
        dialect: the API that it speaks.
        needs: tokens of context below which it does not work.
        prefers: tokens of context that let it work for a while.
        uses_tools: it works by calling tools.
        variables: what it reads of its environment.
        unset: variables that would lead it elsewhere.
        arguments: what comes before the caller's own arguments.
        folder_variable: names the folder of its settings, where it has to read files. It gets a
            temporary one.
        files: what lies there.
    """

    name: str
    title: str
    command: str
    install: str
    dialect: Dialect
    needs: int
    prefers: int
    uses_tools: bool = True
    variables: Callable[[ModelAccess], Mapping[str, str]] = _nothing
    unset: Sequence[str] = ()
    arguments: Callable[[ModelAccess], Sequence[str]] = _no_arguments
    folder_variable: str = ""
    files: Callable[[ModelAccess], Mapping[str, str]] = _nothing

    @property
    def path(self) -> str:
        """Where it is installed; empty if it is not."""
        return shutil.which(self.command) or ""

    def command_line(self, access: ModelAccess, arguments: Sequence[str]) -> list[str]:
        """What is run, with the caller's own arguments."""
        return [self.command, *self.arguments(access), *arguments]

    def environment(self, access: ModelAccess, inherited: Mapping[str, str]) -> dict[str, str]:
        """Its environment, without the folder."""
        kept = {name: text for name, text in inherited.items() if name not in self.unset}
        return {**kept, **self.variables(access)}
