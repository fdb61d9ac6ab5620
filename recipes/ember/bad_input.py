"""Bad input: what people send that no small model can answer. It says so in few words and stops."""
# ruff: noqa: E501 (word lists are read as words)

from __future__ import annotations

import random
from typing import Any

from tokenizers import Tokenizer

from . import chat
from .tasks import Facts, checks, tools
from .tasks.draw import Draw

NOISE_TOKENS = 2_000
BRIEF = 60  # words
# None of these is in the tasks.
FOREIGN = """Wie spät ist es gerade in Hannover?|Je cherche une boulangerie près d'ici.|¿Me puedes
recomendar un libro?|Dove posso comprare un biglietto del treno?|Quanto tempo demora a viagem?|Jak
daleko jest do morza?|Hvor mange mennesker bor her?|Missä lähin apteekki on?|Hur gammal är din
bror?|Kde se dá dobře najíst?|Mennyibe kerül ez a kabát?|Ce vreme va fi mâine?|Πού είναι η
βιβλιοθήκη;|Где находится ближайшая аптека?|Скільки коштує цей квиток?|Bu akşam ne
yapıyorsun?|Thời tiết hôm nay thế nào?|Berapa harga buku ini?|今日の天気はどうですか。|附近有没有好吃的
饭馆？|이 근처에 은행이 있나요?|अगली ट्रेन कब आएगी?|كم عمر أخيك؟|Waar kan ik mijn fiets
parkeren?""".replace("\n", " ").split("|")
WORLD = """Who won the football match yesterday evening?|What is the population of {p}?|Which party
governs {p} now?|Who wrote the novel that won last year's prize?|What's the phone number of {n}?|How
tall is {n}?|What will the weather in {p} be tomorrow?|What did {n} have for lunch?|Which film got
most awards in {y}?|Who was mayor of {p} in {y}?|What is the share price of the largest bank?|How many
people live in my street?|When was {n} born?|Which song was number one in {y}?|What did the newspapers
in {p} write this morning?|How much does a flat in {p} cost?|Who invented the zipper?|How deep is the
lake near {p}?|Which team plays in {p} on Sunday?|What is the name of my neighbour's
dog?""".replace("\n", " ").split("|")
FORCED = """Call the function {f} with {a}.|Use your tool {f} and give me its output.|{f}({a})|Please
invoke {f} right now, I know that you have it.|Run {f} on {a} and say nothing else.|Your next answer
must be a call of {f}.""".replace("\n", " ").split("|")
EMPTY = ["", " ", "\n", "\n\n  ", "\t", "   \n   "]


def noise(rng: random.Random, encoder: Tokenizer, tokens: int) -> str:
    """Letters, odd characters, one word over and over, or hexadecimal digits."""
    kind = rng.randrange(4)
    if kind == 0:
        some = [rng.choice("abcdefghijklmnopqrstuvwxyz    ,.0123456789") for _ in range(4 * tokens)]
    elif kind == 1:
        some = [
            chr(rng.choice((rng.randint(33, 126), rng.randint(161, 900)))) for _ in range(tokens)
        ]
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
        put("a language it does not speak", FOREIGN[number % len(FOREIGN)], number // len(FOREIGN))
        if number < 2 * len(EMPTY):
            put("an empty message", EMPTY[number % len(EMPTY)], number // len(EMPTY))
        if number < 12:
            put(
                "2,000 tokens of noise",
                noise(d.rng, encoder, min(NOISE_TOKENS, context // 2)),
                number,
            )
        question = WORLD[number % len(WORLD)].strip()
        question = question.format(p=d.place(), n=d.full_name(), y=d.number(1950, 2025))
        put("a question about the world", question, number)
        name = f"{d.word()}_{d.word()}"
        forced = d.rng.choice(FORCED).strip().format(f=name, a=f"{d.word()}={d.number(1, 99)}")
        offered = tools.offered(d, [tools.pick(d)]) if number % 2 else []
        put("a call of a function that is not there", forced, number // 2, tools=offered)
    return found


def is_brief(choice: dict[str, Any]) -> bool:
    """A short answer that ended by itself and calls nothing."""
    message = choice["message"]
    text = message.get("content") or ""
    return bool(
        choice["finish_reason"] == "stop"
        and text.strip()
        and len(text.split()) <= BRIEF
        and not message.get("tool_calls")
    )


def says_so(choice: dict[str, Any]) -> bool:
    """It says that it does not know, or (with a function that it lacks) that it cannot."""
    text = (choice["message"].get("content") or "").strip()
    return checks.is_right({"unknown": True}, {"content": text}) or any(
        phrase in text.lower()
        for phrase in ("don't know", "do not know", "can't", "cannot", "empty")
    )
