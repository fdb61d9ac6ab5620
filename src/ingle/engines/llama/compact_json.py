"""Compact JSON of answers by schema, where the engine's own grammar leaves white space free."""

from __future__ import annotations

import msgspec

from ingle.operations import Text, TokenLogprob

_SPACE = frozenset(b" \t\r\n")
_OPENING, _CLOSING = frozenset(b"{["), frozenset(b"}]")
_QUOTE, _BACKSLASH = ord('"'), ord("\\")


class CompactJSON:
    """Passes on the pieces of one JSON value without the white space between its parts.

    A text that does not begin with an object, an array or a string is passed on as it is, and so is
    what follows the value: in prose, white space means something.

    Args:
        begun: The beginning of the value, which is there already.
    """

    def __init__(self, begun: str = "") -> None:
        self._depth = 0
        self._began = False
        self._quoted = False
        self._escaped = False
        self._as_it_is = False
        self._left(begun.encode())

    def add(self, piece: Text) -> Text:
        """The same piece; its text may be empty."""
        if not piece.logprobs:
            text = self._left(piece.text.encode()).decode()
            return msgspec.structs.replace(piece, text=text)
        tokens: list[TokenLogprob] = []
        for token in piece.logprobs:
            given = token.data or token.token.encode()
            data = self._left(given)
            if data == given:
                tokens.append(token)
            elif data:
                text = data.decode(errors="replace")
                tokens.append(msgspec.structs.replace(token, token=text, data=data))
        text = b"".join(token.data or token.token.encode() for token in tokens).decode()
        return msgspec.structs.replace(piece, text=text, logprobs=tokens)

    def _left(self, data: bytes) -> bytes:
        if self._as_it_is:
            return data
        left = bytearray()
        for at, byte in enumerate(data):
            if self._quoted:
                self._quote(byte)
            elif byte in _SPACE:
                continue
            elif self._begins(byte):
                self._structure(byte)
            else:
                self._as_it_is = True
                return bytes(left) + data[at:]
            left.append(byte)
        return bytes(left)

    def _begins(self, byte: int) -> bool:
        """Whether this byte, which is not white space, is still the value's."""
        if self._depth:
            return True
        whole, self._began = self._began, True
        return not whole and (byte in _OPENING or byte == _QUOTE)

    def _quote(self, byte: int) -> None:
        if self._escaped:
            self._escaped = False
        elif byte == _BACKSLASH:
            self._escaped = True
        elif byte == _QUOTE:
            self._quoted = False

    def _structure(self, byte: int) -> None:
        if byte == _QUOTE:
            self._quoted = True
        elif byte in _OPENING:
            self._depth += 1
        elif byte in _CLOSING:
            self._depth -= 1
