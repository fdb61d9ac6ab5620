"""Bad input: what people send that no small model can answer. It says so in few words and stops."""

from __future__ import annotations

import random
from typing import Any

from tokenizers import Tokenizer

from . import chat, tables
from .tasks import Facts, checks, tools
from .tasks.draw import Draw

NOISE_TOKENS = 2_000
BRIEF = 60  # words
LISTS = tables.lists("bad_input")  # nothing of it is in the tasks


def noise(rng: random.Random, encoder: Tokenizer, tokens: int) -> str:
    """Letters, odd characters, one word over and over, or hexadecimal digits."""
    kind = rng.randrange(4)
    if kind == 0:
        some = [rng.choice("abcdefghijklmnopqrstuvwxyz    ,.0123456789") for _ in range(4 * tokens)]
    elif kind == 1:
        codes = [rng.choice((rng.randint(33, 126), rng.randint(161, 900))) for _ in range(tokens)]
        some = list(map(chr, codes))
    elif kind == 2:
        some = [rng.choice(("ping ", "x ", "0 ", "# ", "lorem "))] * tokens
    else:
        some = [f"{rng.getrandbits(32):08x}" for _ in range(tokens)]
    return str(encoder.decode(encoder.encode("".join(some)).ids[:tokens]))


def conversation(*users: str, **settings: Any) -> chat.Conversation:
    messages: list[chat.Message] = [{"role": "user", "content": text} for text in users]
    return chat.Conversation([*messages, {"role": "assistant", "content": ""}], **settings)


def items(
    facts: Facts, count: int, encoder: Tokenizer, context: int
) -> dict[str, list[chat.Conversation]]:
    """By kind, up to `count` of each; thinking is on in each second."""
    found: dict[str, list[chat.Conversation]] = {}

    def put(kind: str, text: str, number: int, **settings: Any) -> None:
        found.setdefault(kind, []).append(conversation(text, thinking=number % 2 == 1, **settings))

    for number in range(count):
        d = Draw("test", f"bad input:{number}", facts.words)
        again, place = divmod(number, len(LISTS.foreign))
        put("a language it does not speak", LISTS.foreign[place], again)
        if number < 2 * len(LISTS.empty):
            again, place = divmod(number, len(LISTS.empty))
            put("an empty message", LISTS.empty[place], again)
        if number < 12:
            text = noise(d.rng, encoder, min(NOISE_TOKENS, context // 2))
            put("2,000 tokens of noise", text, number)
        question = LISTS.world[number % len(LISTS.world)].strip()
        question = question.format(p=d.place(), n=d.fullname(), y=d.number(1950, 2025))
        put("a question about the world", question, number)
        name = f"{d.word()}_{d.word()}"
        plan = d.rng.choice(LISTS.forced).strip()
        forced = plan.format(f=name, a=f"{d.word()}={d.number(1, 99)}")
        offered = tools.offered(d, [tools.pick(d)]) if number % 2 else []
        put("a call of a function that is not there", forced, number // 2, tools=offered)
    return found


def is_brief(choice: dict[str, Any]) -> bool:
    """A short answer that ended by itself and calls nothing."""
    message = choice["message"]
    brief = 0 < len((message.get("content") or "").split()) <= BRIEF
    return brief and choice["finish_reason"] == "stop" and not message.get("tool_calls")


def says_so(choice: dict[str, Any]) -> bool:
    """It says that it does not know, or (with a function that it lacks) that it cannot."""
    text = (choice["message"].get("content") or "").strip()
    phrases = ("don't know", "do not know", "can't", "cannot", "empty")
    unknown = checks.is_right({"unknown": True}, {"content": text})
    return unknown or any(phrase in text.lower() for phrase in phrases)
