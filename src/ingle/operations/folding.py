"""Fold the events of a generation into its result."""

from __future__ import annotations

from ingle.operations.events import (
    Finish,
    Note,
    Reasoning,
    Started,
    Text,
    Timing,
    ToolCallPiece,
    Usage,
)
from ingle.operations.generation import ChatResult, Choice
from ingle.operations.message import ToolCall
from ingle.operations.operation import Event


class Fold:
    """Takes events one by one; `result` is what they add up to so far.

    Pieces are collected in lists and joined once, so folding a long answer is linear.
    """

    def __init__(self) -> None:
        self._choices: dict[int, Choice] = {}
        self._texts: dict[int, list[str]] = {}
        self._thoughts: dict[int, list[str]] = {}
        self._calls: dict[tuple[int, int], ToolCallPiece] = {}
        self._arguments: dict[tuple[int, int], list[str]] = {}
        self._started = Started(model="", digest="", where="")
        self._notes: list[Note] = []
        self._usage = Usage(prompt_tokens=0)
        self._timing = Timing()

    def add(self, event: Event) -> None:
        """Take one event; events that are not part of an answer are passed over."""
        match event:
            case Text(text=text, index=index, logprobs=logprobs):
                self._texts.setdefault(index, []).append(text)
                self._choice(index).logprobs.extend(logprobs)
            case Reasoning(text=text, index=index):
                self._choice(index)
                self._thoughts.setdefault(index, []).append(text)
            case ToolCallPiece(index=index, call=call, arguments=arguments):
                self._choice(index)
                self._calls.setdefault((index, call), event)
                self._arguments.setdefault((index, call), []).append(arguments)
            case Finish(index=index, reason=reason, stop=stop):
                choice = self._choice(index)
                choice.finish, choice.stop = reason, stop
            case Note():
                self._notes.append(event)
            case Started():
                self._started = event
            case Usage():
                self._usage = event
            case Timing():
                self._timing = event
            case _:
                pass

    def result(self) -> ChatResult:
        """The answer so far."""
        for index, choice in self._choices.items():
            choice.text = "".join(self._texts.get(index, ()))
            choice.reasoning = "".join(self._thoughts.get(index, ()))
            choice.tool_calls = [
                ToolCall(
                    id=first.id,
                    name=first.name,
                    arguments="".join(self._arguments[key]) or "{}",
                )
                for key, first in sorted(self._calls.items())
                if key[0] == index
            ]
        return ChatResult(
            model=self._started.model,
            digest=self._started.digest,
            where=self._started.where,
            choices=[self._choices[index] for index in sorted(self._choices)],
            notes=list(self._notes),
            usage=self._usage,
            timing=self._timing,
        )

    def _choice(self, index: int) -> Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = Choice(index=index)
        return choice
