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
# The same for training alone.
MORE_GREETINGS = """Hello!|Hi,|Hey,|Hi there,|Hey there!|Hello again,|Morning!|Good afternoon.|Evening!|Hi, ember.|Ember,|Ember?|Dear
ember,|Yo,|Howdy!|Greetings.|Hiya,|Well,|Alright,|Okay,|Okay then.|Now then,|Look,|Hm,|Um,|Ah,|Oh,|Please,|Pardon me.|Sorry,|Hello
friend,|Hey you,|Hi bot,|Assistant,|Hi! How are you?|Thanks for earlier.|Good to see you.|Me again.|Back again.|Long time no
see.|Knock knock.|Psst,|Wait,|Ready?|Attention please.""".replace("\n", " ").split("|")
MORE_LEADS = """I need something done.|I have a job for you.|There is something to do.|Something came up.|It's about work.|This is for my
boss.|A customer just wrote to me.|My friend wants this.|I'm driving, so please do it for me.|I'm in a meeting.|I can't type much
now.|It's late, but I need this.|I just woke up.|I came home a minute ago.|We talked about this before.|I tried it by hand and gave
up.|You did this well last time.|As yesterday, please.|First things first.|To begin with:|And another thing.|Next one.|Now for
something different.|While we're at it:|Before I go:|It should not take long.|Here's the thing:|Let me explain.|Not sure you can do
this.|Tell me if you can't.|I hope that's clear.|You have functions for this.|See what you can do.|Try this.|Let's try this.|Please
handle this:|Here comes a request:|A small thing:|Something simple:|Something harder:|The usual.|Got a minute?|Do you have a
second?|Are you there?|Can I bother you?|May I ask for something?|Mind helping me?|I've a wish.|My wish:|My request:|What I
want:|It's simple:|In short:|Long story short:""".replace("\n", " ").split("|")
MORE_TAILS = """Thx|Ta!|Thanks a lot.|Thank you very much.|Thank you so much!|Thanks, ember.|Bye.|See you.|Cheers, mate.|Please and thank
you.|I appreciate it.|You're the best.|That's it.|That's all.|Nothing more.|That will do.|No more than that.|Quickly, please.|Right
now, please.|Today, if possible.|Whenever you can.|There is no hurry.|Take your time.|Hurry up, please.|Now.|Do it now.|Don't wait.|Don't
ask me anything.|No comments, please.|Without a word.|And that's an order.|Got it?|Understood?|All right?|Clear?|Can you do that?|Is that
possible?|Will that work?|Would that be OK?|I count on you.|I trust you.|I'd be glad.|It would help me a lot.|You'd help me a
lot.|That'd be lovely.|Great!|Perfect.|Go.|Please do.|Let me know.|Tell me when it's done.|I'm waiting.|I'll wait.|We'll see.""".replace(
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


def plain(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalpha())


HELD_OUT = {plain(text) for part in (GREETINGS, LEADS, TAILS) for text in part[4::5]}
GREETED, LED, TAILED = (
    [text for text in (*part[::5], *part[1::5], *part[2::5], *part[3::5], *more) if plain(text) not in HELD_OUT]
    for part, more in ((GREETINGS, MORE_GREETINGS), (LEADS, MORE_LEADS), (TAILS, MORE_TAILS))
)  # fmt: skip


def wrapped_widely(d: Draw, request: str) -> str:
    """The same in training, where more is said before and after what is wanted."""
    kind = d.rng.random()
    if kind < 0.42:
        return request
    before = ""
    if kind < 0.72 or kind > 0.92:
        if d.chance(0.5):
            before = d.any(GREETED).strip() + d.any((" ", " ", " ", "\n"))
        if not before or d.chance(0.45):
            before += d.any(LED).strip() + d.any((" ", " ", "\n"))
    if d.chance(0.12):
        aside = d.sentence()
        before += f"{aside[0].upper()}{aside[1:]}. "
    if kind > 0.72:
        request += "" if request[-1] in ".?!" else d.any((".", ".", "!", ","))
        request += d.any((" ", " ", "\n")) + d.any(TAILED).strip()
    return before + request


def wrapped(d: Draw, request: str) -> str:
    """A request with what people say before and after it."""
    if d.split == "train" and d.chance(0.6):
        return wrapped_widely(d, request)
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
