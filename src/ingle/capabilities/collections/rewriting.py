"""A question in other words, for the search: one that stands alone, whatever was said before."""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.chat.operation import Chat
from ingle.node.performing import HostedNode
from ingle.operations import Fold, Message, Sampling

RULES = """Rewrite the last question as one question that can be understood alone, for a search.
Put in what words such as "it" or "there" stand for. Write only that question, in one line."""
TURNS = 4
"""Messages before the question that are shown."""
SHOWN = 600
"""Characters of each of them."""
LONGEST = 64
"""Tokens of the new question."""


async def rewritten(
    node: HostedNode, model: str, on: str, question: str, history: Sequence[Message] = ()
) -> str:
    """What is searched for: the model's question above the one that was asked, so that a model that
    writes nonsense makes a search worse, but not blind."""
    said = [f"{each.role}: {each.text[:SHOWN]}" for each in history[-TURNS:]]
    asked = "\n".join([*said, f"user: {question}"])
    chat = Chat(
        model=model,
        on=on,
        messages=[
            Message(role="system", content=RULES),
            Message(role="user", content=f"{asked}\n\nThe last question, rewritten:"),
        ],
        max_tokens=LONGEST,
        sampling=Sampling(temperature=0.0),
        think=False,
    )
    fold = Fold()
    async with node.perform(chat) as events:
        async for event in events:
            fold.add(event)
    reply = fold.result()
    text = reply.choices[0].text if reply.choices else ""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"{first}\n{question}" if first else question
