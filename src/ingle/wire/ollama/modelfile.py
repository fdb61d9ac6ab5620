"""A model as a Modelfile, and a Modelfile as it is read (docs/modelfile.md of ollama/ollama)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ingle.capabilities.store.operation import ModelDetails
from ingle.errors import InvalidRequest
from ingle.wire.ollama.ollama_options import written

_ROLES = ("system", "user", "assistant")
_UNUSED = ("RENDERER", "PARSER", "DRAFT")
_LONG = '"""'
_NAMED = {"PARAMETER": "a name and a value", "MESSAGE": "a role and a text"}


class Modelfile(msgspec.Struct, kw_only=True):
    """What a Modelfile says."""

    base: str = ""
    """What it is made from, if that is a name."""
    files: list[str] = []
    """Paths of weights and a projector that it is made from."""
    adapters: list[tuple[str, bool]] = []
    """Each adapter, and whether it is a path; else it is a name in the store."""
    template: str = ""
    system: str = ""
    licences: list[str] = []
    parameters: dict[str, Any] = {}
    """Texts by name; of ``stop`` a list of them."""
    messages: list[dict[str, str]] = []
    """Role and content."""
    requires: str = ""
    unused: list[str] = []
    """Instructions that are known and mean nothing here."""


Locate = Callable[[str], str | None]
"""The absolute path that a text means; None: it is a name, not a path."""


def modelfile(model: ModelDetails) -> str:
    """``FROM`` each of its files, and what it brings to each request.

    Its own template is not among it: Ollama reads that from the weights, as we do. One that
    replaces it is; it is Jinja, which Ollama does not read.
    """
    defaults = model.defaults
    lines = [f"FROM {path}" for path in model.files or [model.name]]
    lines += [f"ADAPTER {path}" for path in model.adapters]
    if defaults.template:
        lines.append(f"TEMPLATE {_quoted(defaults.template)}")
    if defaults.system:
        lines.append(f"SYSTEM {_quoted(defaults.system)}")
    lines += [f"PARAMETER {name} {_quoted(value)}" for name, value in written(defaults)]
    lines += [f"MESSAGE {turn.role} {_quoted(turn.text)}" for turn in defaults.messages]
    if model.licence:
        lines.append(f"LICENSE {_LONG}{model.licence}{_LONG}")
    return "\n".join(lines) + "\n"


def read_modelfile(text: str, locate: Locate) -> Modelfile:
    """Read a Modelfile.

    Args:
        locate: Tells paths of ``FROM`` and ``ADAPTER`` from names.

    Raises:
        InvalidRequest: it is not one; says in which line.
    """
    found, lines = Modelfile(), _Lines(text)
    try:
        for word, name, value in lines.instructions():
            _add(found, word, name, value, locate)
    except InvalidRequest as error:
        message = f"Modelfile, line {lines.at}: {error.message}"
        raise InvalidRequest(message, hint=error.hint, field="modelfile", line=lines.at) from None
    if not found.base and not found.files:
        raise InvalidRequest("the Modelfile has no FROM line", field="modelfile")
    if found.base and found.files:
        raise InvalidRequest(
            "the Modelfile has a FROM line with a name and another with a path", field="modelfile"
        )
    return found


def _add(found: Modelfile, word: str, name: str, value: str, locate: Locate) -> None:
    match word:
        case "FROM":
            path = locate(value)
            if path is None:
                found.base = value
            else:
                found.files.append(path)
        case "ADAPTER":
            path = locate(value)
            found.adapters.append((value, False) if path is None else (path, True))
        case "TEMPLATE":
            found.template = value
        case "SYSTEM":
            found.system = value
        case "LICENSE":
            found.licences.append(value)
        case "REQUIRES":
            found.requires = value
        case "PARAMETER" if name == "stop":
            found.parameters.setdefault("stop", []).append(value)
        case "PARAMETER":
            found.parameters[name] = value
        case "MESSAGE" if name in _ROLES:
            found.messages.append({"role": name, "content": value})
        case "MESSAGE":
            raise InvalidRequest(f"the role {name!r} is not one of {', '.join(_ROLES)}")
        case _ if word in _UNUSED:
            found.unused.append(word)
        case _:
            raise InvalidRequest(f"{word!r} is not an instruction of a Modelfile")


class _Lines:
    """The instructions of a Modelfile, one after the other."""

    def __init__(self, text: str) -> None:
        self._lines = re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))
        self.at = 0
        """The line that was read last, counted from 1."""

    def instructions(self) -> Iterator[tuple[str, str, str]]:
        """Word in capitals, name (where the word wants one) and value."""
        while self.at < len(self._lines):
            line = self._next()
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            word, rest = _split(line)
            word = word.upper()
            name, rest = _split(rest) if word in _NAMED else ("", rest)
            if not rest:
                raise InvalidRequest(f"{word} needs {_NAMED.get(word, 'a value')}")
            yield word, name, self._value(rest)

    def _value(self, rest: str) -> str:
        """What stands in quotation marks, over as many lines as it takes; else the line's rest."""
        mark = next((mark for mark in (_LONG, '"') if rest.startswith(mark)), "")
        if not mark:
            return rest.strip()
        parts = [rest.removeprefix(mark)]
        while not parts[-1].rstrip().endswith(mark):
            if self.at == len(self._lines):
                raise InvalidRequest("a quotation has no end")
            parts.append(self._next())
        return "\n".join([*parts[:-1], parts[-1].rstrip().removesuffix(mark)])

    def _next(self) -> str:
        self.at += 1
        return self._lines[self.at - 1]


def _split(text: str) -> tuple[str, str]:
    """The first word, and what follows."""
    word, *rest = text.split(maxsplit=1)
    return word, rest[0] if rest else ""


def _quoted(value: str) -> str:
    """As `read_modelfile` and Ollama read it back unchanged."""
    if "\n" in value or '"' in value:
        return f"{_LONG}{value}{_LONG}"
    return f'"{value}"' if value != value.strip() else value
