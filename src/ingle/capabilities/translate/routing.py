"""Which model translates, or which two with English in between, and having them do it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import NamedTuple

import msgspec

from ingle.capabilities.detect.operation import Detect, Detected
from ingle.capabilities.store.operation import ListModels, Models, ModelSummary
from ingle.capabilities.translate.operation import (
    Translate,
    TranslatedText,
    Translation,
    TranslationProgress,
)
from ingle.errors import InvalidRequest, ModelNotFound
from ingle.node.node import Performer, ask
from ingle.operations import Event
from ingle.translation.language_tags import base, means, normal, pair_of

AUTO = "auto"
PIVOT = "en"
FAMILIES = ("bergamot", "opus")
"""Names of models that are of one pair each, the first one preferred."""
SHOWN = 6
LOOKED_AT = 1 << 14
"""Characters of the texts whose language is detected."""
UNLIKELY = 0.2
"""A guess of less than this part of the likeliest one's probability is none."""


class PairModel(NamedTuple):
    """A model that translates from one language to another."""

    name: str
    source: str
    target: str


async def translation_events(
    node: Performer, request: Translate, detector: str
) -> AsyncGenerator[Event, None]:
    """The events of a translation by the model that is named, or by one or two that fit.

    Args:
        detector: the model that tells languages.

    Raises:
        ModelNotFound: no model here translates between the two; names the nearest.
    """
    legs = await route_legs(node, request, " ".join(request.texts), detector)
    if len(legs) == 1:
        async with node.perform(legs[0]) as events:
            async for event in events:
                yield event
        return
    async with aclosing(_pivoted(node, legs)) as through:
        async for event in through:
            yield event


async def route_legs(
    node: Performer, request: Translate, sample: str, detector: str
) -> list[Translate]:
    """The requests that have to be performed, one after the other.

    Args:
        sample: what of the text its language is detected by.
        detector: the model that tells languages.

    Raises:
        ModelNotFound: no model here translates between the two; names the nearest.
    """
    if request.model != AUTO and request.model not in FAMILIES:
        return [request]
    listed = (await ask(node, ListModels(peers=bool(request.on)), Models)).models
    models = pair_models(listed, request.on)
    if request.model in FAMILIES:
        models = [each for each in models if each.name.partition(":")[0] == request.model]
    if not request.source:
        source = await _detected(
            node, request.to, models, Detect(model=detector, texts=[sample[:LOOKED_AT]])
        )
        request = msgspec.structs.replace(request, source=source)
    chosen = route(models, request.source, request.to)
    if not chosen:
        raise _no_route(models, request)
    legs = []
    for place, each in enumerate(chosen):
        leg = msgspec.structs.replace(
            request,
            model=each.name,
            source=each.source,
            to=request.to if place == len(chosen) - 1 else each.target,
        )
        legs.append(leg)
    return legs


async def _detected(node: Performer, to: str, models: list[PairModel], asked: Detect) -> str:
    """The language of a text: of those that can be translated from, the likeliest, unless
    another one is likelier by far."""
    known = [each.source for each in models if route(models, each.source, to)]
    if not any(sign.isalpha() for sign in asked.texts[0]):
        if len(set(known)) > 1:
            raise InvalidRequest(
                "source: the text does not say which language it is in",
                hint="--from en",
                field="source",
            )
        return known[0] if known else PIVOT
    (guesses,) = (await ask(node, asked, Detected)).guesses
    likely = [
        source
        for guess in guesses
        if guess.probability >= UNLIKELY * guesses[0].probability
        for source in known
        if means(guess.language, source)
    ]
    return next(iter([*likely, *(guess.language for guess in guesses)]), PIVOT)


def pair_models(models: Iterable[ModelSummary], on: str = "") -> list[PairModel]:
    """Those of one pair of languages among models, the preferred first.

    Args:
        on: where they have to be: empty or ``local`` for this device, else names of paired ones,
            of whose models no more than the names is known.
    """
    places = [place for place in on.split(",") if place and place != "local"]
    found = []
    for each in models:
        name, _, place = each.name.partition("@")
        pair = pair_of(name)
        here = place in places if places else not place
        able = name.partition(":")[0] in FAMILIES if place else "translate" in each.capabilities
        if pair is not None and here and able:
            found.append(PairModel(name, *pair))
    return sorted(found, key=_rank)


def route(models: Iterable[PairModel], source: str, to: str) -> list[PairModel]:
    """One model, or two with English in between; none if there are not."""
    every = list(models)
    direct = _between(every, source, to)
    if direct is not None:
        return [direct]
    if base(source) == PIVOT or base(to) == PIVOT:
        return []
    first, second = _between(every, source, PIVOT), _between(every, PIVOT, to)
    return [first, second] if first and second else []


def _between(models: Iterable[PairModel], source: str, to: str) -> PairModel | None:
    fits = [each for each in models if means(source, each.source) and means(to, each.target)]
    exact = [each for each in fits if normal(to) == each.target and normal(source) == each.source]
    return next(iter([*exact, *fits]), None)


def _rank(model: PairModel) -> int:
    family = model.name.partition(":")[0]
    return FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)


def _no_route(models: list[PairModel], request: Translate) -> ModelNotFound:
    wanted = f"{normal(request.source)}-{normal(request.to)}"
    near = [
        each.name
        for each in models
        if means(request.source, each.source) or means(request.to, each.target)
    ]
    said = f"; here are {', '.join(near[:SHOWN])}" if near else ""
    pull = f"bergamot:{wanted}"
    if PIVOT not in (base(request.source), base(request.to)):
        pull = (
            f"bergamot:{normal(request.source)}-{PIVOT} (and bergamot:{PIVOT}-{normal(request.to)})"
        )
    return ModelNotFound(
        f"no model here translates from {request.source} to {request.to}{said}",
        hint=f"ingle pull {pull}, or name a model that chats: --model ember",
        model=f"bergamot:{wanted}",
        nearest=near[:SHOWN],
    )


async def _pivoted(node: Performer, legs: list[Translate]) -> AsyncGenerator[Event, None]:
    """What two models do, one after the other; told as if one had done it."""
    first, second = legs
    written = [""] * len(first.texts)
    total = sum(len(text) for text in first.texts)
    before: Translation | None = None
    async with node.perform(first) as events:
        async for event in events:
            match event:
                case TranslatedText(index=index, text=text):
                    written[index] += text
                case TranslationProgress(completed=done):
                    yield TranslationProgress(completed=done // 2, total=total)
                case Translation():
                    before = event
                case _:
                    yield event
    assert before is not None
    leg = msgspec.structs.replace(second, texts=written)
    async with node.perform(leg) as events:
        async for event in events:
            match event:
                case TranslationProgress(completed=done, total=most):
                    share = total - total // 2
                    yield TranslationProgress(
                        completed=total // 2 + share * done // max(1, most), total=total
                    )
                case Translation():
                    yield in_two_steps(before, event)
                case _:
                    yield event


def in_two_steps(first: Translation, second: Translation) -> Translation:
    """The end of a translation with another language in between."""
    return msgspec.structs.replace(
        second,
        source=first.source,
        characters=first.characters,
        untranslated=second.untranslated + first.untranslated,
        pivot=PIVOT,
    )
