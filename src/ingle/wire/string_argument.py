"""One string among the arguments of a call, read while the arguments are still being written."""

from __future__ import annotations

import json
import re

_UNITS = re.compile(r'(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')
_HALF_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}$")


class StringArgument:
    """Turns pieces of ``{"input": "..."}`` into pieces of the string."""

    def __init__(self, name: str) -> None:
        self._opening = re.compile(r"\s*\{\s*" + re.escape(json.dumps(name)) + r'\s*:\s*"')
        self._rest = ""
        self._closed = False
        self.opened = False
        """Whether the string has begun: what is written is an object that has it first."""

    def feed(self, piece: str) -> str:
        """What a piece adds to the string. An escape that is not whole yet waits for its rest."""
        if self._closed:
            return ""
        self._rest += piece
        if not self.opened:
            opening = self._opening.match(self._rest)
            if opening is None:
                return ""
            self.opened = True
            self._rest = self._rest[opening.end() :]
        return self._text()

    def _text(self) -> str:
        found = _UNITS.match(self._rest)
        assert found is not None
        units = found[0]
        self._closed = self._rest[len(units) :].startswith('"')
        if len(units) == len(self._rest) or self._rest[len(units)] == "\\":
            # The other half of a surrogate pair may still come.
            units = _HALF_PAIR.sub("", units)
        self._rest = self._rest[len(units) :]
        text: str = json.loads(f'"{units}"', strict=False)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def string_argument(arguments: str, name: str) -> str:
    """The string in whole arguments, or in cut ones as far as it goes; without it the arguments."""
    argument = StringArgument(name)
    text = argument.feed(arguments)
    return text if argument.opened else arguments
