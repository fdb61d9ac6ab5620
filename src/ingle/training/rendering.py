"""Rendering: an example as pieces of text, each learnt or only read.

Conversations are rendered with the model's own template, exactly as they will
be when it is asked: for each answer, the prompt up to it, then the answer and
the token that ends a turn. Only answers are learnt.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations.parameters import conversation_in_order
from ingle.training.examples import Example, RowPosition
from ingle.training.examples.question import Question


class TextSpan(NamedTuple):
    """Text, and whether it is learnt."""

    text: str
    learnt: bool


class Renderer:
    """A model's template.

    Args:
        template: in Jinja, as the model's file has it; empty if it has none.
        end: text of the token that ends a turn.
    """

    def __init__(self, template: str, begin: str, end: str) -> None:
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        self._end = end
        self._begin = begin
        self._template = None
        if template:
            # As transformers renders templates; the sandbox since they come from strangers.
            environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
            environment.filters["tojson"] = _tojson
            environment.globals["raise_exception"] = _raise
            self._template = environment.from_string(template)

    def pieces(self, example: Example) -> list[list[TextSpan]]:
        """Documents of an example, each a row of pieces.

        A conversation of several answers is several documents: what a template
        leaves out of earlier answers (their thoughts) it leaves out here, too.

        Raises:
            InvalidRequest: the template refuses the conversation.
            CapabilityMissing: a conversation, but the model has no template.
        """
        if example.text:
            return [[TextSpan(example.text + self._end, True)]]
        messages, tools = conversation_in_order(example.messages, example.tools)
        if not messages:
            if self._template is None:
                return [
                    [
                        TextSpan(example.prompt, False),
                        TextSpan(example.completion + self._end, True),
                    ]
                ]
            messages = [
                {"role": "user", "content": example.prompt},
                {"role": "assistant", "content": example.completion},
            ]
        if self._template is None:
            raise self._no_template()
        return [
            self._answer(example.place, messages[: at + 1], tools)
            for at, message in enumerate(messages)
            if message["role"] == "assistant"
        ]

    def prompt(self, question: Question) -> str:
        """A question up to where its answer begins. Raises as `pieces`."""
        if self._template is None:
            if len(question.messages) == 1:
                return str(question.messages[0]["content"])
            raise self._no_template()
        messages, tools = conversation_in_order(question.messages, question.tools)
        return self._render(question.place, messages, tools, ask=True)

    def _answer(
        self, place: RowPosition, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
    ) -> list[TextSpan]:
        prompt = self._render(place, messages[:-1], tools, ask=True)
        whole = self._render(place, messages, tools, ask=False)
        if not whole.startswith(prompt):
            # Some templates open a thinking block in the answer only, or in the prompt only.
            prompt = self._common_prompt(prompt, whole)
        answer = whole[len(prompt) :]
        end = answer.rfind(self._end) if self._end else -1
        answer = answer[: end + len(self._end)] if end >= 0 else answer.rstrip("\n") + self._end
        return [TextSpan(prompt, False), TextSpan(answer, True)]

    def _no_template(self) -> CapabilityMissing:
        return CapabilityMissing(
            "the model has no chat template, so it cannot read conversations",
            hint="--template chatml, or examples with prompt and completion, or with text",
            capability="chat",
        )

    def _common_prompt(self, prompt: str, whole: str) -> str:
        size = next(
            (at for at, (a, b) in enumerate(zip(prompt, whole, strict=False)) if a != b),
            min(len(prompt), len(whole)),
        )
        return whole[:size]

    def _render(
        self,
        place: RowPosition,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]],
        *,
        ask: bool,
    ) -> str:
        from jinja2 import TemplateError

        assert self._template is not None
        try:
            return self._template.render(
                messages=messages,
                tools=tools or None,
                add_generation_prompt=ask,
                bos_token=self._begin,
                eos_token=self._end,
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise InvalidRequest(
                f"{place}: the model's template refuses the conversation: {error}",
                field="data",
                line=place.number,
            ) from None


def _tojson(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise(message: str) -> None:
    from jinja2 import TemplateError

    raise TemplateError(message)
