"""Rendering: an example as spans of text and tokens, each learnt or only read.

The engine that serves the model renders and tokenises, so that the prompts of a run are those of
a chat, token by token: its template, its tools, the tokens that its tokeniser adds by itself. For
each answer of a conversation there is one document: the prompt up to it, then the answer and the
token that ends a turn.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from ingle.capabilities.tokenize.operation import MOST_BYTES, Tokenize, Tokenized
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import Message, Tool
from ingle.training import template_answer
from ingle.training.examples import Example, RowPosition
from ingle.training.examples.chat_turns import chat_turns
from ingle.training.examples.question import Question

Ask = Callable[[Tokenize], Awaitable[Tokenized]]
"""The engine's answer."""
CONTEXT = 64
"""Characters in front of a part of a long text that are tokenised with it."""
LONGEST = MOST_BYTES // 4 - CONTEXT
"""Characters that are tokenised at once, none of which has more than four bytes."""


class TokenSpan(NamedTuple):
    """Text, its tokens, and whether they are learnt."""

    text: str
    tokens: list[int]
    learnt: bool


class _Conversation(NamedTuple):
    """A conversation as it is sent, and the row that it is of."""

    place: RowPosition
    turns: list[Message]
    tools: list[Tool]
    options: Mapping[str, Any]

    def up_to(self, count: int) -> _Conversation:
        return self._replace(turns=self.turns[:count])

    def answered_with(self, answer: Message) -> _Conversation:
        return self._replace(turns=[*self.turns[:-1], answer])

    def question(self, model: str, template: str, *, ask: bool) -> Tokenize:
        """Of the engine; the options as the HTTP routes take them."""
        options = dict(self.options)
        think = options.pop("enable_thinking", None)
        if not isinstance(think, bool | None):
            options["enable_thinking"], think = think, None
        return Tokenize(
            model=model, template=template, messages=self.turns, tools=self.tools, think=think,
            template_options=options, add_generation_prompt=ask,
        )  # fmt: skip


class Renderer:
    """What a model makes of examples.

    Args:
        ask: the engine that has the model open.
        model: its name.
        template: the model has a chat template, or is given one.
        given_template: the one that it is given, in place of its own; empty: its own.
        end: text of the token that ends a turn; empty if it has none.
        last_turn_only: of a conversation only the last answer is learnt.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        model: str,
        template: bool,
        end: str,
        given_template: str = "",
        last_turn_only: bool = False,
    ) -> None:
        self._ask = ask
        self._model = model
        self._template = template
        self._given_template = given_template
        self._end = end
        self._last_turn_only = last_turn_only
        self._end_id: int | None = None
        self.unwritten: set[str] = set()
        """Fields of answers that the template left out."""

    async def documents(self, example: Example) -> list[list[TokenSpan]]:
        """Documents of an example, each a row of spans.

        A conversation of several answers is several documents: what a template leaves out of
        earlier answers (their thoughts) it leaves out here, too.

        Raises:
            InvalidRequest: the template refuses the conversation.
            CapabilityMissing: a conversation, but the model has no template.
        """
        if example.text:
            text = example.text + self._end
            tokens = await self._tokens(text, begins=True)
            if tokens[-2:] == [await self._end_token()] * 2:
                tokens.pop()  # the tokeniser adds it by itself
            return [[TokenSpan(text, tokens, True)]]
        messages = example.messages
        if not messages:
            if not self._template:
                return [await self._completed(example.prompt, example.completion + self._end)]
            messages = [
                {"role": "user", "content": example.prompt},
                {"role": "assistant", "content": example.completion},
            ]
        whole = self._conversation(example.place, messages, example.tools, example.template_options)
        learnt = [
            at
            for at, turn in enumerate(whole.turns)
            if at and turn.role == "assistant" and at not in example.masked
        ]
        return [
            await self._answered(whole.up_to(at + 1))
            for at in (learnt[-1:] if self._last_turn_only else learnt)
        ]

    async def prompt(self, question: Question) -> TokenSpan:
        """A question up to where its answer begins. Raises as `documents`."""
        if not self._template and len(question.messages) == 1:
            text = str(question.messages[0]["content"])
            return TokenSpan(text, await self._tokens(text, begins=True), False)
        found = await self._rendered(
            self._conversation(
                question.place, question.messages, question.tools, question.template_options
            )
        )
        return TokenSpan(found.text, found.tokens, False)

    def _conversation(
        self,
        place: RowPosition,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]],
        options: Mapping[str, Any],
    ) -> _Conversation:
        if not self._template:
            raise CapabilityMissing(
                "the model has no chat template, so it cannot read conversations",
                hint="--template chatml, or examples with prompt and completion, or with text",
                capability="chat",
            )
        return _Conversation(place, *chat_turns(place, messages, tools), options)

    async def _answered(self, conversation: _Conversation) -> list[TokenSpan]:
        """The prompt of the last turn, and that turn as an answer to it."""
        prompt = await self._rendered(conversation.up_to(-1))
        whole = await self._rendered(conversation, ask=False)
        said = TokenSpan(prompt.text, prompt.tokens, False)
        if whole.text.startswith(prompt.text):
            text = self._ended(whole.text[len(prompt.text) :])
        else:
            text = await self._unlike_its_prompt(conversation, prompt.text, whole.text)
        self._check_written(conversation, text)
        size = len(prompt.tokens)
        last = _last(whole.tokens, await self._end_token()) if text.endswith(self._end) else -1
        as_in_whole = whole.text[len(prompt.text) :].startswith(text)
        if as_in_whole and last >= size and whole.tokens[:size] == prompt.tokens:
            # Nothing in front of a special token depends on what is behind it.
            return [said, TokenSpan(text, whole.tokens[size : last + 1], True)]
        return [said, await self._following(said, text)]

    async def _unlike_its_prompt(self, conversation: _Conversation, prompt: str, whole: str) -> str:
        """The answer in a template that writes the conversation otherwise once the answer is
        there: the prompt opens a thought, or the system message moves along."""
        answer = conversation.turns[-1]

        async def marked(answer: Message) -> str:
            return (await self._rendered(conversation.answered_with(answer), ask=False)).text

        if not answer.reasoning:
            thinking = msgspec.structs.replace(answer, reasoning=template_answer.MARK)
            thought = await marked(thinking)
            if thought.startswith(prompt):
                return self._ended(template_answer.without_mark(thought[len(prompt) :]))
        plain = await marked(Message(role="assistant", content=template_answer.MARK))
        found = template_answer.found(
            prompt, whole, plain, reasoning=answer.reasoning, end=self._end
        )
        if found is None:
            raise conversation.place.bad(
                "the model's template writes what comes before the answer differently once the "
                "answer is there, so there is no prompt that it answers",
                hint="split the conversation, or leave out what the template moves",
            )
        return found

    def _check_written(self, conversation: _Conversation, text: str) -> None:
        """Raises InvalidRequest: the template leaves out a call, and the rest alone would be
        learnt. A thought that it leaves out is only noted."""
        answer = conversation.turns[-1]
        missing = [call.name for call in answer.tool_calls if call.name not in text]
        if missing:
            raise conversation.place.bad(
                f"the model's template does not write calls of tools: {missing[0]} is missing",
                hint="leave these examples out, or train a model whose template has calls",
            )
        if answer.reasoning.strip() not in text:
            self.unwritten.add("messages.reasoning_content (the template does not write it)")

    def _ended(self, answer: str) -> str:
        """An answer up to the token that ends the turn."""
        end = answer.rfind(self._end) if self._end else -1
        return answer[: end + len(self._end)] if end >= 0 else answer.rstrip("\n") + self._end

    async def _completed(self, prompt: str, answer: str) -> list[TokenSpan]:
        """A prompt as it is sent without a template, and what follows it."""
        said = TokenSpan(prompt, await self._tokens(prompt, begins=True), False)
        return [said, await self._following(said, answer)]

    async def _following(self, prompt: TokenSpan, answer: str) -> TokenSpan:
        """What is learnt behind a prompt: tokens of the text as a whole, such as an engine reads it
        later. Where one of them would reach into the prompt, the answer is tokenised apart."""
        tokens = await self._tokens(prompt.text + answer, begins=True)
        size = len(prompt.tokens)
        if tokens[:size] == prompt.tokens:
            return TokenSpan(answer, tokens[size:], True)
        return TokenSpan(answer, await self._tokens(answer, begins=False), True)

    async def _end_token(self) -> int:
        """The token that ends a turn; -1 if there is none."""
        if self._end_id is None:
            found = await self._asked(self._end, begins=False) if self._end else []
            self._end_id = found[0] if len(found) == 1 else -1
        return self._end_id

    async def _tokens(self, text: str, *, begins: bool) -> list[int]:
        before, *parts = portions(text)
        found = await self._asked(before, begins=begins)
        for part in parts:
            found += await self._behind(before[-CONTEXT:], part)
            before = part
        return found

    async def _behind(self, context: str, part: str) -> list[int]:
        """The tokens of a text behind another one: SentencePiece puts a blank before what stands
        alone."""
        known = await self._asked(context, begins=False)
        both = await self._asked(context + part, begins=False)
        if both[: len(known)] == known:
            return both[len(known) :]
        return await self._asked(part, begins=False)

    async def _asked(self, text: str, *, begins: bool) -> list[int]:
        question = Tokenize(
            model=self._model, template=self._given_template, text=text, add_special=begins
        )
        return (await self._ask(question)).tokens

    async def _rendered(self, conversation: _Conversation, *, ask: bool = True) -> Tokenized:
        place = conversation.place
        try:
            return await self._ask(
                conversation.question(self._model, self._given_template, ask=ask)
            )
        except InvalidRequest as error:
            raise InvalidRequest(
                f"{place}: {error.message}", hint="change the example, or leave it out",
                field="data", line=place.number, file=place.file,
            ) from None  # fmt: skip


def portions(text: str) -> Iterator[str]:
    """A text in parts that can be tokenised at once, cut behind a line or else a word."""
    start = 0
    while len(text) - start > LONGEST:
        part = text[start : start + LONGEST]
        end = 1 + max(part.rfind("\n"), part.rfind(" ") if "\n" not in part else -1)
        yield part[: end or LONGEST]
        start += end or LONGEST
    yield text[start:]


def _last(tokens: list[int], token: int) -> int:
    """Where a token is for the last time; -1 if it is nowhere."""
    return next((at for at in range(len(tokens) - 1, -1, -1) if tokens[at] == token), -1)
