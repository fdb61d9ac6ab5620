"""Collections over HTTP, before a real node with real workers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from ingle.client.home import AsyncHome
from ingle.client.host import host
from ingle.collections.fusion import CONSTANT
from ingle.collections.reranking import WEIGHT
from ingle.config import Settings
from ingle.server.application import create_application
from ingle.server.settings import ServerSettings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def web(settings: Settings, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "tea.md").write_text("# Tea\n\nGreen tea is brewed at eighty degrees.\n")
    (tmp_path / "bread.md").write_text("# Bread\n\nDough rises in a warm place.\n")
    async with host(settings) as (node, _):
        home = AsyncHome(node, settings)
        await home.add_documents("own", [tmp_path / "tea.md"])
        await home.add_documents("more", [tmp_path / "tea.md", tmp_path / "bread.md"])
        application = create_application(home.node, ServerSettings.of(home.settings))
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", timeout=60
        ) as client:
            yield client
        application.state.floor.close()


async def test_listed_searched_asked_and_removed(web: httpx.AsyncClient) -> None:
    _, listed = (await web.get("/api/collections")).json()["collections"]
    assert (listed["name"], listed["documents"]) == ("own", 1)
    found = (await web.post("/api/collections/own/search", json={"query": "green tea"})).json()
    assert found["results"][0]["headings"] == ["Tea"]
    asked = {"question": "how hot is it brewed?", "max_tokens": 8}
    lines = (await web.post("/api/collections/own/ask", json=asked)).text.splitlines()
    first, *texts, last = map(json.loads, lines)
    assert first["passages"][0]["text"] == "Green tea is brewed at eighty degrees."
    assert "".join(line["text"] for line in texts) == last["answer"]["text"]
    whole = await web.post("/api/collections/own/ask", json={**asked, "stream": False})
    assert whole.json()["text"] == last["answer"]["text"]
    assert (await web.delete("/api/collections/own")).json() == {"removed": "own"}
    gone = await web.get("/api/collections/own")
    assert gone.status_code == 404


async def test_a_reranker_orders_what_is_found(web: httpx.AsyncClient) -> None:
    query = "Dough rises in a warm place."
    texts = ["Tea\nGreen tea is brewed at eighty degrees.", f"Bread\n{query}"]
    body = {"model": "ember-embed", "query": query, "documents": texts}
    ranking = (await web.post("/v1/rerank", json=body)).json()["results"]
    assert ranking[0]["index"] == 1
    asked = {"query": query, "reranker": "ember-embed", "most": 2}
    found = (await web.post("/api/collections/more/search", json=asked)).json()
    assert found["reranker"] == "ember-embed"
    assert [each["headings"] for each in found["results"]] == [["Bread"], ["Tea"]]
    ranks = [each["score"] for each in found["results"]]
    assert ranks == pytest.approx([(1 + WEIGHT) / (CONSTANT + rank) for rank in (1, 2)], abs=1e-5)
    plain = (await web.post("/api/collections/more/search", json={"query": query})).json()
    assert plain["reranker"] == ""
    unset = await web.post("/api/collections/more/search", json={**asked, "reranker": "default"})
    assert "rerank_model" in unset.json()["error"]


@pytest.mark.parametrize("body", [{}, {"query": ""}, {"query": "x", "most": 0}])
async def test_a_bad_search_names_its_field(web: httpx.AsyncClient, body: object) -> None:
    refused = await web.post("/api/collections/own/search", json=body)
    assert refused.status_code == 400
