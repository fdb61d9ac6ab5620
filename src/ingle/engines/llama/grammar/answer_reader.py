"""Reads calls and text out of an answer that was written by one of our grammars."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence

from ingle.engines.llama.grammar.answer_grammar import CLOSING_TAG, OPENING_TAG, CallableTool
from ingle.operations import Event, Finish, Text, ToolCallPiece

_STRUCTURE = re.compile(r'["{}\[\]\\]')


class AnswerReader:
    """Turns the text of one choice into text and `ToolCallPiece`s, as it arrives.

    Args:
        tools: those that may be called.
        in_text: A call may follow text. Otherwise the first characters tell what it is.
    """

    def __init__(self, tools: Sequence[CallableTool], *, in_text: bool = False) -> None:
        # White space may have been taken out of a call without tags, as out of all answers.
        self._heads = {tool.head: tool.name for tool in tools}
        self._heads |= {tool.head.replace(" ", ""): tool.name for tool in tools}
        self._in_text = in_text
        self._unread = ""
        self._calls = 0
        self._spoke = False
        self._arguments: _JSONObject | None = None

    def events(self, event: Event) -> Iterator[Event]:
        """The events that stand for one of the generation's."""
        match event:
            case Text(text=text, index=index):
                self._unread += text
                yield from self._read(index)
            case Finish(reason=reason, index=index):
                if self._unread and not self._calls:
                    yield Text(text=self._unread, index=index)
                called = self._calls > 0 and reason == "stop"
                yield Finish(
                    reason="tool_calls" if called else reason, index=index, stop=event.stop
                )
            case _:
                yield event

    def _read(self, index: int) -> Iterator[Event]:
        while self._unread:
            if self._arguments is not None:
                yield from self._argument(self._arguments, index)
            elif self._spoke:
                text, self._unread = self._before_tag()
                if text:
                    yield Text(text=text, index=index)
                if not self._unread.startswith(OPENING_TAG):
                    return
                self._spoke = False
            elif (name := self._named()) is not None:
                yield ToolCallPiece(
                    call=self._calls, id=f"call_{secrets.token_hex(12)}", name=name, index=index
                )
                self._calls += 1
                self._arguments = _JSONObject()
            elif self._may_be_call():
                return
            elif self._calls:
                self._unread = ""  # nothing that belongs to an answer follows a call
            elif self._in_text:
                self._spoke = True
            else:
                yield Text(text=self._unread, index=index)
                self._unread, self._heads = "", {}

    def _argument(self, arguments: _JSONObject, index: int) -> Iterator[Event]:
        piece = arguments.taken(self._unread)
        self._unread = self._unread[len(piece) :]
        if piece:
            yield ToolCallPiece(call=self._calls - 1, arguments=piece, index=index)
        if arguments.whole:
            self._arguments = None

    def _named(self) -> str | None:
        """The tool whose call begins here; what it begins with is read."""
        rest = self._without_tags()
        for head, name in self._heads.items():
            if rest.startswith(head):
                self._unread = rest[len(head) :]
                return name
        return None

    def _may_be_call(self) -> bool:
        """What there is may still become the beginning of a call."""
        rest = self._without_tags()
        return any(known.startswith(rest) for known in (*self._heads, OPENING_TAG, CLOSING_TAG))

    def _without_tags(self) -> str:
        rest = self._unread.lstrip()
        if self._calls:  # the end of the call before
            rest = rest.removeprefix("}").lstrip().removeprefix(CLOSING_TAG).lstrip()
        return rest.removeprefix(OPENING_TAG).lstrip()

    def _before_tag(self) -> tuple[str, str]:
        """What is certainly text, and the rest: a tag, or what may become one."""
        found = self._unread.find("<")
        while found >= 0 and not OPENING_TAG.startswith(
            self._unread[found : found + len(OPENING_TAG)]
        ):
            found = self._unread.find("<", found + 1)
        return (self._unread, "") if found < 0 else (self._unread[:found], self._unread[found:])


class _JSONObject:
    """Knows where a JSON object ends that comes in pieces."""

    def __init__(self) -> None:
        self.whole = False
        self._depth = 0
        self._quoted = False
        self._escaped = False

    def taken(self, text: str) -> str:
        """The part of the text that is the object's."""
        if self._escaped and text:
            self._escaped = False
            return text[0] + self.taken(text[1:])
        at = 0
        while found := _STRUCTURE.search(text, at):
            at = found.end()
            mark = found[0]
            if mark == '"':
                self._quoted = not self._quoted
            elif self._quoted and mark == "\\":
                if at == len(text):
                    self._escaped = True
                at += 1
            elif not self._quoted and mark in "{[":
                self._depth += 1
            elif not self._quoted and mark in "}]":
                self._depth -= 1
                if self._depth == 0:
                    self.whole = True
                    return text[:at]
        return text
