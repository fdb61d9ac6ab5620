"""What a run has taught, by an example of its data: the base's answer and the adapter's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.train.operation import RunSummary
from ingle.cli.command import flags
from ingle.cli.output import Output
from ingle.operations import Fold, Message, Sampling

if TYPE_CHECKING:
    from ingle.client.home import AsyncHome
    from ingle.training.examples import Example, Source

TOKENS = 80
"""Of each answer, at most."""
SHOWN = 300
"""Characters of a line."""


async def show(output: Output, ended: RunSummary, data: Source, split: str, template: bool) -> None:
    """The answers to the first example's question, greedily, one below the other.

    Args:
        template: the adapter has a chat template of its own.
    """
    from ingle.client.home import open_async

    example = next(iter(data.examples(split)))
    adapted = f"{ended.model}+{ended.adapter.partition(':')[0]}"
    async with open_async(otherwise="background", **flags()) as home:
        base_chats = bool((await home.show(ended.model)).template)
        question = _question(example, chat=base_chats or template)
        if not question:
            return
        asked = question if isinstance(question, str) else question[-1].text
        output.note(f"\nan example of the data: {_line(asked)}")
        for model, whose in ((ended.model, "the base"), (adapted, "trained")):
            if model == ended.model and not base_chats and not isinstance(question, str):
                output.note(f"  {whose:9} (it has no chat template)")
                continue
            output.note(f"  {whose:9} {_line(await _answer(home, model, question))}")


def _question(example: Example, *, chat: bool) -> str | list[Message]:
    """What comes before its last answer; empty if it has none."""
    if example.text or example.tools:
        return ""
    if example.messages:
        before = example.messages[:-1]
        texts = all(isinstance(message.get("content"), str) for message in before)
        return [
            Message(role=message["role"], content=message["content"])
            for message in (before if texts else ())
        ]
    return [Message(role="user", content=example.prompt)] if chat else example.prompt


async def _answer(home: AsyncHome, model: str, question: str | list[Message]) -> str:
    greedy = Sampling(temperature=0.0)
    request: Chat | Complete
    if isinstance(question, str):
        request = Complete(model=model, prompt=question, sampling=greedy, max_tokens=TOKENS)
    else:
        request = Chat(model=model, messages=question, sampling=greedy, max_tokens=TOKENS)
    fold = Fold()
    async with home.node.perform(request) as events:
        async for event in events:
            fold.add(event)
    return fold.result().text


def _line(text: str) -> str:
    line = " ".join(text.split())
    return f"{line[:SHOWN]} ..." if len(line) > SHOWN else line
