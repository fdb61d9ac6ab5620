"""Phrasing: how people wrap what they ask, whatever they ask."""
# ruff: noqa: E501 (tables are read by rows, word lists as words)

from __future__ import annotations

from .draw import Draw

GREETINGS = """Hi!|Hello,|Hey.|Good morning.|Hi ember,|Hello there.|Dear assistant,|Excuse me.|Hey ember!|
Good evening.|OK.|So,|Right,|Quick one:|One more thing.|Hello ember.|Hi again.|Good day.|Listen,|Sorry to
bother you.""".replace("\n", " ").split("|")
LEADS = """Could you help?|I need your help.|A small favour, please.|Here is what I need.|This is urgent.|I have
a request.|Can you do something for me?|I am in a hurry.|Next task.|My colleague asked for this.|Let's get to
work.|I forgot how to do this.|Do this, please.|Now the following.|Question for you.|Take care of this.|I was
told that you can do this.|Another job.|Help me with this.|Something else now.|Here we go.|It's me again.|I hope
you can help.|Time for work.|One question.""".replace("\n", " ").split("|")
TAILS = """Thanks!|Thank you.|Please.|Thanks in advance.|That is all.|It matters.|Be quick, please.|Don't ask back.|
Cheers!|As soon as you can.|That would be great.|I'd be grateful.|Much appreciated.|OK?|Just do it.|No need to
explain.|Many thanks.|if you can|when you have a moment|please and thanks""".replace(
    "\n", " "
).split("|")
SYSTEMS = """You are a helpful assistant.|You are ember.|Answer briefly.|You are ember, the small model inside
ingle.|Be concise and honest.|You are a friendly assistant.|Help the user.|You are an assistant on a server.|You
answer questions.|Follow the instructions of the user.|You work for {n}.|Today is {t}.|You are the assistant of
{n} in {p}.|Always be polite.|Use plain words.|You are a careful assistant.|The user is called {n}.|Current date:
{t}|You help people with their computers.|Give short answers.|You assist a team in {p}.|Reply in
English.|Only answer what is asked.|You are an AI.|Assist {n} with daily work.""".replace(
    "\n", " "
).split("|")


def system(d: Draw, chance: float = 0.35) -> list[dict[str, str]]:
    if not d.chance(chance):
        return []
    text = d.of(SYSTEMS)
    if "{" in text:
        text = text.format(n=d.name(), p=d.place(), t=d.date().isoformat())
    return [{"role": "system", "content": text}]


SMALL_WORDS = frozenset(
    [
        "the",
        "a",
        "an",
        "is",
        "was",
        "are",
        "were",
        "do",
        "does",
        "did",
        "of",
        "has",
        "have",
        "had",
        "to",
        "in",
        "at",
        "it",
        "that",
        "there",
        "be",
        "been",
        "will",
    ]
)
OTHERS = {
    "what": ["what", "which"], "which": ["what", "which"], "is": ["was", "is", "'s"],
    "was": ["is", "was", "has been"], "does": ["did", "does"], "did": ["does", "did"],
    "tell": ["tell", "give", "show"], "in": ["in", "at"], "has": ["has", "had"],
}  # fmt: skip
BEGINNINGS = [
    "so",
    "ok,",
    "and",
    "now",
    "hm,",
    "please:",
    "sorry,",
    "hey,",
    "one thing:",
    "I mean,",
    "then",
    "next:",
    "say,",
    "quickly:",
    "again:",
    "again,",
    "here:",
    "well,",
    "uh,",
    "just:",
    "look,",
    "actually,",
    "first:",
    "also:",
    "but",
]


def loosened(d: Draw, question: str) -> str:
    """A question in training, now and then as carelessly said as people do: what it is about must
    be found by its few words that tell something."""
    kind = d.rng.random()
    if kind < 0.68:
        return question
    words = question.rstrip("?.").split(" ")
    if kind < 0.78:  # other small words
        words = [d.any(OTHERS[w.lower()]) if w.lower() in OTHERS else w for w in words]
        question = " ".join(words).replace(" 's", "'s") + question[-1]
    elif kind < 0.86:  # without some of them
        kept = [w for w in words if w.lower() not in SMALL_WORDS or d.chance(0.6)]
        question = " ".join(kept or words) + d.any(("?", "", "?", "."))
    elif kind < 0.9:  # nothing but what tells something
        kept = [w for w in words if w.lower() not in SMALL_WORDS]
        question = " ".join(kept or words) + d.any(("?", ""))
    else:
        question = f"{d.any(BEGINNINGS)} {question[0].lower() if words[0].lower() in OTHERS else question[0]}{question[1:]}"
    return question[0].upper() + question[1:] if d.chance(0.7) else question


def typed(d: Draw, question: str) -> str:
    """As people type: without capitals, without a final mark, with an extra space."""
    if d.chance(0.15):
        question = question.lower()
    if d.chance(0.15):
        question = question.rstrip("?.!")
    return question + " " if d.chance(0.03) else question


def wrapped(d: Draw, request: str) -> str:
    """A request with what people say before and after it."""
    kind = d.rng.random()
    if kind < 0.45:
        return request
    before, after = "", ""
    if kind < 0.7 or kind > 0.92:
        before = d.of(GREETINGS).strip() + " " if d.chance(0.5) else ""
        if d.chance(0.5) or not before:
            before += d.of(LEADS).strip() + d.any((" ", " ", "\n"))
    if d.chance(0.15):  # something that has nothing to do with it
        aside = d.sentence()
        before += f"{aside[0].upper()}{aside[1:]}. "
    if kind > 0.7:
        after = d.any((" ", " ", "\n")) + d.of(TAILS).strip()
        if request[-1].isalnum():
            request += "."
    return before + request + after


PASSAGE_LABELS = """Text:|Passage:|Context:|Note:|Document:|Here is a text.|Read this:|Source:|Background:|Given
text:|Article:|Excerpt:|Information:|Below is a passage.|From a report:|Material:|Input:|A letter
says:|Story:|Data:|Paragraph:|Consider the following.|Facts:|Extract:|The following is known.""".replace(
    "\n", " "
).split("|")
QUESTION_LABELS = """Question:|Q:|My question:|Answer this:|Query:|Now tell me:|I want to know:|Please answer:|What I
need:|Task:|Asked:|Reply to this:|Then answer:|The question is:|Find out:|Question about the
text:|Problem:|Wanted:|To answer:|Here is the question:""".replace("\n", " ").split("|")
RULES = """Answer from the text.|Answer in a few words.|Use only the text.|Be short.|Give the exact words.|Answer with
the words of the text.|Keep to the passage.|Do not guess.|If the text does not say, say so.|Only the answer,
please.|No explanation.|Look it up in the text.|Base your answer on the passage.|Reply with the answer
alone.|Quote the text.|Answer the question from the passage.|Short answer.|Say so if it isn't there.|Use the
text to answer.|Nothing but the answer.""".replace("\n", " ").split("|")


def frame(d: Draw, passage: str, question: str) -> str:
    """A passage and a question about it, in one of some thousand layouts."""
    gap = d.any(("\n\n", "\n\n", "\n", " "))
    label = d.of(PASSAGE_LABELS).strip() + d.any(("\n", " ")) if d.chance(0.5) else ""
    if d.chance(0.12):
        passage = d.any(('"{}"', "<text>\n{}\n</text>", "```\n{}\n```", "---\n{}\n---")).format(passage)  # fmt: skip
    asked = d.of(QUESTION_LABELS).strip() + " " + question if d.chance(0.35) else question
    if d.chance(0.3):
        rule = d.of(RULES).strip()
        asked = f"{asked} {rule}" if d.chance(0.5) else f"{rule} {asked}"
    if d.chance(0.08):
        asked += "\nAnswer:"
    if d.chance(0.3):
        return asked + (gap if gap != " " else "\n") + label + passage
    return label + passage + gap + asked
