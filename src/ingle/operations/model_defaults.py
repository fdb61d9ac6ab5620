"""`ModelDefaults`: what a derived model brings to each request (docs/adr/0021)."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec

from ingle.operations.generation import Generation
from ingle.operations.message import Message
from ingle.operations.operation import Checked, ModelOperation, Name, Positive
from ingle.operations.sampling import Sampling

O = TypeVar("O", bound=ModelOperation)  # noqa: E741

_Prose = Annotated[str, msgspec.Meta(max_length=512 << 10)]


class ModelDefaults(Checked, frozen=True, kw_only=True):
    """Fields that hold where a request does not say otherwise, and what is told of the model."""

    base: Annotated[str, msgspec.Meta(max_length=512)] = ""
    """Name of the model that it was made from."""
    system: _Prose = ""
    """A request's own system message replaces it."""
    messages: Annotated[list[Message], msgspec.Meta(max_length=1000)] = []
    """Stand before the turns of each conversation."""
    sampling: Sampling = Sampling()
    max_tokens: Positive | None = None
    context: Positive | None = None
    """Tokens of context; more than the model was trained for is all of that."""
    stop: Annotated[list[Name], msgspec.Meta(max_length=16)] = []
    template: _Prose = ""
    """A chat template (Jinja) in place of that of the weights."""
    licence: _Prose = ""

    def over(self, other: ModelDefaults) -> ModelDefaults:
        """These, and where they say nothing, the other ones."""
        said = {name: value for name in self.__struct_fields__ if (value := getattr(self, name))}
        said["sampling"] = filled(self.sampling, other.sampling)
        return msgspec.structs.replace(other, **said)

    def completed(self, operation: O) -> O:
        """A request, with these where it says nothing."""
        changed: dict[str, Any] = {}
        if turns := getattr(operation, "messages", None):
            changed["messages"] = self.conversation(turns)
        if isinstance(operation, Generation):
            changed["sampling"] = filled(operation.sampling, self.sampling)
            changed["stop"] = operation.stop or self.stop
            if operation.max_tokens is None:
                changed["max_tokens"] = self.max_tokens
        return msgspec.structs.replace(operation, **changed)

    def conversation(self, turns: list[Message]) -> list[Message]:
        """The turns of a request behind the system message, its own or this, and the messages."""
        led = 0
        while led < len(turns) and turns[led].role in ("system", "developer"):
            led += 1
        head = turns[:led]
        if not head and self.system:
            head = [Message(role="system", content=self.system)]
        return [*head, *self.messages, *turns[led:]]


def filled(asked: Sampling, otherwise: Sampling) -> Sampling:
    """Sampling as asked, and where it leaves a setting open, the other one's."""
    settings = {
        name: value
        for name in asked.__struct_fields__
        if getattr(asked, name) is None and (value := getattr(otherwise, name)) is not None
    }
    return msgspec.structs.replace(asked, **settings) if settings else asked
