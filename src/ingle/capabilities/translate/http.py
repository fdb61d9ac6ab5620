"""HTTP routes of translating, as LibreTranslate's and DeepL's clients ask."""

from __future__ import annotations

from contextlib import aclosing
from typing import NamedTuple

from ingle.capabilities.detect.operation import Detected
from ingle.capabilities.store.operation import ListModels, Models
from ingle.capabilities.translate.operation import Translate, TranslatedText, Translation
from ingle.capabilities.translate.routing import pair_models, route, translation_events
from ingle.errors import ProtocolError
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.translation.language_tags import NAMES
from ingle.wire import deepl, libretranslate


def table(floor: EndpointContext) -> Table:
    """The routes."""
    return {
        "/translate": {"POST": libre_translate},
        "/detect": {"POST": libre_detect},
        "/languages": {"GET": libre_languages},
        "/v2/translate": {"POST": deepl_translate},
        "/v2/languages": {"GET": deepl_languages, "POST": deepl_languages},
        "/v2/usage": {"GET": deepl_usage, "POST": deepl_usage},
    }


async def libre_translate(exchange: Exchange) -> None:
    """``POST /translate``."""
    kind = exchange.headers.get("content-type", "")
    model = exchange.settings.translate_model
    request = libretranslate.parse(await exchange.body(), kind, model)
    done = await _translated(exchange, request.operation)
    await exchange.reply(libretranslate.answer(request, done.texts, done.translation))


async def libre_detect(exchange: Exchange) -> None:
    """``POST /detect``."""
    kind = exchange.headers.get("content-type", "")
    model = exchange.settings.detect_model
    asked = libretranslate.parse_detect(await exchange.body(), kind, model)
    await exchange.reply(libretranslate.detected(await exchange.ask(asked, Detected)))


async def libre_languages(exchange: Exchange) -> None:
    """``GET /languages``."""
    await exchange.reply(libretranslate.languages(await _targets(exchange), NAMES))


async def deepl_translate(exchange: Exchange) -> None:
    """``POST /v2/translate``."""
    kind = exchange.headers.get("content-type", "")
    operation = deepl.parse(await exchange.body(), kind, exchange.settings.translate_model)
    done = await _translated(exchange, operation)
    sizes = [len(text) for text in operation.texts]
    await exchange.reply(deepl.answer(done.texts, done.translation, sizes))


async def deepl_languages(exchange: Exchange) -> None:
    """``/v2/languages?type=source|target``. DeepL's own client gets it with a form as body."""
    kind = exchange.headers.get("content-type", "")
    asked = deepl.wants_targets(await exchange.body(), kind)
    into = asked or exchange.query.get("type") == "target"
    targets = await _targets(exchange)
    codes = {code for each in targets.values() for code in each} if into else set(targets)
    await exchange.reply(deepl.languages(codes, NAMES))


async def deepl_usage(exchange: Exchange) -> None:
    """``GET /v2/usage``."""
    await exchange.reply(deepl.usage())


class _Translated(NamedTuple):
    texts: list[str]
    translation: Translation


async def _translated(exchange: Exchange, operation: Translate) -> _Translated:
    """All of it, ended as soon as the client has gone."""

    async def work() -> _Translated:
        texts = [""] * len(operation.texts)
        detector = exchange.settings.detect_model
        async with aclosing(translation_events(exchange.node, operation, detector)) as events:
            async for event in events:
                if isinstance(event, TranslatedText):
                    texts[event.index] += event.text
                elif isinstance(event, Translation):
                    return _Translated(texts, event)
        raise ProtocolError("the translation did not come to its end", hint="try again")

    return await exchange.attended(work)


async def _targets(exchange: Exchange) -> dict[str, list[str]]:
    """What can be translated from, and into what, also with English in between."""
    models = pair_models((await exchange.ask(ListModels(), Models)).models)
    sources = {each.source for each in models}
    every = {each.target for each in models}
    found = {
        source: [target for target in every if target != source and route(models, source, target)]
        for source in sources
    }
    return {source: into for source, into in found.items() if into}
