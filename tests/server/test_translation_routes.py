"""LibreTranslate's and DeepL's routes, before a real node with real workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from ingle.client.home import AsyncHome
from ingle.client.host import host
from ingle.config import Settings
from ingle.server.application import create_application
from ingle.server.settings import ServerSettings
from tests.engines.students import STUDENTS
from tests.waiting import eventually_async

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

TEXT = "I have two red cats."
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def home(settings: Settings) -> AsyncIterator[AsyncHome]:
    async with host(settings) as (node, _):
        home = AsyncHome(node, settings)
        for pair in ("en-es", "es-en", "en-fr"):
            await home.pull(f"bergamot:{pair}", source=str(STUDENTS / pair))
        yield home


@pytest.fixture
async def web(home: AsyncHome) -> AsyncIterator[httpx.AsyncClient]:
    application = create_application(home.node, ServerSettings.of(home.settings))
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", timeout=60
    ) as client:
        yield client
    application.state.floor.close()


async def test_libretranslate(web: httpx.AsyncClient) -> None:
    asked = {"q": TEXT, "source": "en", "target": "es"}
    answer = (await web.post("/translate", json=asked)).json()
    assert answer["translatedText"] == "Tengo dos gatos rojos."
    assert answer["ingle"]["model"] == "bergamot:en-es"
    several = {"q": [TEXT, "", "{name} buys one book."], "source": "auto", "target": "fr"}
    answer = (await web.post("/translate", json=several)).json()
    assert answer["translatedText"] == ["J'ai deux chats rouges.", "", "{name} achète un livre."]
    assert answer["detectedLanguage"][0]["language"] == "en"
    page = {"q": "<p>Tengo dos <b>gatos rojos</b></p>", "source": "es", "target": "fr"}
    answer = (await web.post("/translate", data={**page, "format": "html"})).json()
    assert answer["translatedText"] == "<p>J'ai deux <b>chats rouges</b></p>"
    (best, *_) = (
        await web.post("/detect", data={"q": "Guten Morgen, wie geht es Ihnen heute?"})
    ).json()
    assert best["language"] == "de"
    assert best["confidence"] > 50
    assert (await web.get("/languages")).json() == [
        {"code": "en", "name": "English", "targets": ["es", "fr"]},
        {"code": "es", "name": "Spanish", "targets": ["en", "fr"]},
    ]


async def test_deepl(web: httpx.AsyncClient) -> None:
    asked = {"text": [TEXT, "She sees one dog"], "target_lang": "ES", "source_lang": "EN"}
    answer = (await web.post("/v2/translate", json=asked)).json()
    assert [each["text"] for each in answer["translations"]] == [
        "Tengo dos gatos rojos.", "Ella ve un perro",
    ]  # fmt: skip
    assert answer["translations"][0]["detected_source_language"] == "EN"
    assert answer["translations"][0]["billed_characters"] == len(TEXT)
    form = "text=I+have+two+cats&text=I+have+one+dog&target_lang=es"
    answer = (await web.post("/v2/translate", content=form, headers=FORM)).json()
    assert len(answer["translations"]) == 2
    into = (await web.get("/v2/languages", params={"type": "target"})).json()
    assert [each["language"] for each in into] == ["EN", "ES", "FR"]
    assert (await web.get("/v2/usage")).json()["character_count"] == 0


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/translate", {"q": "x", "source": "en", "target": "xx"}, 404, "from en to xx; here are"),
        ("/translate", {"q": "x", "source": "en", "target": "es de"}, 400, "to:"),
        ("/translate", {"q": [], "source": "en", "target": "es"}, 400, "no text"),
        ("/translate", {"q": "x", "source": "en"}, 400, "target"),
        (
            "/translate",
            {"q": "x", "source": "de", "target": "es", "model": "bergamot:en-es"},
            400,
            "translates from en to es, not from de",
        ),
        (
            "/translate",
            {"q": "x", "source": "en", "target": "es", "model": "espeak"},
            400,
            "cannot",
        ),
        ("/v2/translate", {"text": ["x"], "target_lang": "XX", "source_lang": "EN"}, 404, "to XX"),
        ("/v2/translate", {"text": ["x"], "target_lang": "ES", "glossary_id": "a"}, 400, "glossa"),
        ("/v2/translate", {"text": [], "target_lang": "ES"}, 400, "texts"),
        ("/detect", {}, 400, "q"),
    ],
)
async def test_what_cannot_be_done_is_told_in_the_client_s_words(
    web: httpx.AsyncClient, path: str, body: dict[str, object], status: int, told: str
) -> None:
    answer = await web.post(path, json=body)
    assert answer.status_code == status, answer.text
    message = answer.json()["message" if path.startswith("/v2") else "error"]
    assert isinstance(message, str)
    assert told in message


async def test_long_texts_are_translated_whole(web: httpx.AsyncClient) -> None:
    numbers = ("7 " * 500 + "\n") * 1000
    asked = {"q": numbers, "source": "en", "target": "es"}
    assert (await web.post("/translate", json=asked)).json()["translatedText"] == numbers
    text = "I have 7 red cats. \u00bf\n" * 2_000
    asked = {"q": text, "source": "en", "target": "es"}
    answer = (await web.post("/translate", json=asked)).json()["translatedText"]
    assert answer.count("\n") == 2_000
    assert answer.count("7") >= 2_000
    large = {"q": "a" * (5 << 20), "source": "en", "target": "es"}
    refused = await web.post("/translate", json=large)
    assert refused.status_code == 400
    assert "the limit of one request is" in refused.json()["error"]


async def test_a_client_that_leaves_ends_the_work(home: AsyncHome, web: httpx.AsyncClient) -> None:
    asked = {"q": "I have two red cats. " * 40_000, "source": "en", "target": "es"}
    task = asyncio.create_task(web.post("/translate", json=asked))

    async def busy() -> bool:
        return any(worker.active for worker in (await home.status()).workers)

    await eventually_async(busy)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    async def idle() -> bool:
        return not await busy()

    await eventually_async(idle)
    done = await home.translate("I have two cats.", "es", source="en")
    assert done.text == "Tengo dos gatos."
