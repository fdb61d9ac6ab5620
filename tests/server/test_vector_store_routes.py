"""Files and vector stores, as OpenAI's own client asks for them, before a real node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import openai
import pytest

from ingle.client.home import AsyncHome
from ingle.client.host import host
from ingle.config import Settings
from ingle.server.application import create_application
from ingle.server.settings import ServerSettings

pytestmark = pytest.mark.anyio

TEA = b"# Tea\n\nGreen tea is brewed at eighty degrees.\n"
BREAD = b"# Bread\n\nDough rises best in a warm place.\n"


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[openai.AsyncOpenAI, AsyncHome]]:
    async with host(settings) as (node, _):
        home = AsyncHome(node, settings)
        application = create_application(home.node, ServerSettings.of(home.settings))
        transport = httpx.ASGITransport(application)
        async with (
            httpx.AsyncClient(transport=transport, timeout=60) as web,
            openai.AsyncOpenAI(
                base_url="http://127.0.0.1/v1", api_key="none", max_retries=0, http_client=web
            ) as client,
        ):
            yield client, home
        application.state.floor.close()


async def test_a_store_is_filled_searched_and_taken_away(settings: Settings) -> None:
    async with serving(settings) as (client, home):
        tea = await client.files.create(file=("tea.md", TEA), purpose="assistants")
        bread = await client.files.create(file=("bread.md", BREAD), purpose="user_data")
        assert (tea.filename, tea.bytes, tea.status) == ("tea.md", len(TEA), "processed")
        assert [each.id async for each in client.files.list()] == [bread.id, tea.id]
        assert [each.id async for each in client.files.list(purpose="user_data")] == [bread.id]
        assert (await client.files.content(tea.id)).content == TEA

        store = await client.vector_stores.create(name="kitchen", metadata={"of": "ann"})
        assert (store.name, store.file_counts.total) == ("kitchen", 0)
        assert (await client.vector_stores.search(store.id, query="tea")).data == []
        added = await client.vector_stores.files.create_and_poll(
            tea.id, vector_store_id=store.id, attributes={"year": 2026, "hot": True}
        )
        assert (added.status, added.attributes) == ("completed", {"year": 2026.0, "hot": True})
        batch = await client.vector_stores.file_batches.create_and_poll(
            store.id, file_ids=[bread.id]
        )
        assert (batch.status, batch.file_counts.completed) == ("completed", 1)
        listed = client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id)
        assert [each.id async for each in listed] == [bread.id]
        store = await client.vector_stores.retrieve(store.id)
        assert (store.status, store.file_counts.completed) == ("completed", 2)
        assert store.usage_bytes > 0

        found = (await client.vector_stores.search(store.id, query="how hot is tea?")).data
        assert (found[0].file_id, found[0].filename, found[0].score) == (tea.id, "tea.md", 1.0)
        assert "eighty" in found[0].content[0].text
        assert found[0].attributes == {"year": 2026.0, "hot": True}
        for wanted, expected in (
            ({"type": "eq", "key": "hot", "value": True}, {tea.id}),
            ({"type": "gt", "key": "year", "value": 2026}, set()),
            ({"type": "or", "filters": [
                {"type": "lt", "key": "year", "value": 2000},
                {"type": "in", "key": "year", "value": [2026]}]}, {tea.id}),
        ):  # fmt: skip
            page = await client.vector_stores.search(store.id, query="tea", filters=wanted)
            assert {each.file_id for each in page.data} == expected
        wrong = {"type": "eq", "key": 'a"', "value": 1}
        with pytest.raises(openai.BadRequestError, match="quotes"):
            await client.vector_stores.search(store.id, query="tea", filters=wrong)
        best = await client.vector_stores.search(
            store.id, query=["hot", "tea"], ranking_options={"score_threshold": 0.99}
        )
        assert [each.file_id for each in best.data] == [tea.id]

        await client.vector_stores.files.update(
            bread.id, vector_store_id=store.id, attributes={"year": 1999}
        )
        old = {"type": "lt", "key": "year", "value": 2000}
        page = await client.vector_stores.search(store.id, query="dough", filters=old)
        assert [each.file_id for each in page.data] == [bread.id]
        content = await client.vector_stores.files.content(bread.id, vector_store_id=store.id)
        assert [each.text async for each in content] == ["Dough rises best in a warm place."]
        gone = await client.vector_stores.files.delete(bread.id, vector_store_id=store.id)
        assert gone.deleted
        assert [each.id async for each in client.vector_stores.files.list(store.id)] == [tea.id]
        assert (await client.files.delete(tea.id)).deleted
        assert (await client.vector_stores.search(store.id, query="tea")).data == []
        renamed = await client.vector_stores.update(store.id, name="cellar")
        assert (renamed.name, renamed.metadata) == ("cellar", {"of": "ann"})
        assert [each.name async for each in client.vector_stores.list()] == ["cellar"]
        assert (await client.vector_stores.delete(store.id)).deleted
        assert await home.collections() == []


async def test_collections_made_otherwise_are_stores(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "tea.md").write_bytes(TEA)
    (folder / "broken.json").write_text("{")
    async with serving(settings) as (client, home):
        await home.add_documents("own", [folder], attributes={"tags": ["drink"]})
        (store,) = [each async for each in client.vector_stores.list()]
        assert (store.id, store.name, store.file_counts.completed) == ("own", "own", 1)
        (best,) = (await client.vector_stores.search("own", query="tea")).data
        assert best.filename == "tea.md"
        file = await client.vector_stores.files.retrieve(best.file_id, vector_store_id="own")
        assert (file.status, file.attributes) == ("completed", {"tags": ["drink"]})


async def test_a_response_searches_files_and_cites_them(settings: Settings) -> None:
    async with serving(settings) as (client, _):
        file = await client.files.create(file=("tea.md", TEA), purpose="assistants")
        store = await client.vector_stores.create()
        await client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id)
        tool = {"type": "file_search", "vector_store_ids": [store.id]}
        asked = {"model": "ember", "input": "How hot is green tea brewed?", "tools": [tool],
                 "max_output_tokens": 40, "temperature": 0}  # fmt: skip
        bare = await client.responses.create(**asked)
        call, message = bare.output
        assert (call.type, call.queries, call.results) == (
            "file_search_call", [asked["input"]], None,
        )  # fmt: skip
        whole = await client.responses.create(**asked, include=["file_search_call.results"])
        (result,) = whole.output[0].results
        assert (result.file_id, result.filename, result.score) == (file.id, "tea.md", 1.0)
        assert "eighty" in result.text
        for each in whole.output[1].content[0].annotations:
            assert (each.type, each.file_id, each.filename) == (
                "file_citation", file.id, "tea.md",
            )  # fmt: skip
        async with client.responses.stream(**asked) as stream:
            kinds = [event.type async for event in stream]
            final = await stream.get_final_response()
        stages = ("in_progress", "searching", "completed")
        assert [kind for kind in kinds if "file_search_call" in kind] == [
            f"response.file_search_call.{stage}" for stage in stages
        ]
        assert final.output_text == bare.output_text == message.content[0].text
        assert final.output[1].content[0].annotations == message.content[0].annotations
        more = await client.responses.create(
            input="And then?", previous_response_id=bare.id, max_output_tokens=8
        )
        assert more.output[0].type == "message"
        none = await client.responses.create(**asked, tool_choice="none")
        assert [item.type for item in none.output] == ["message"]
        missing = {"type": "file_search", "vector_store_ids": ["vs_none"]}
        with pytest.raises(openai.NotFoundError):
            await client.responses.create(input="tea?", tools=[missing])
        with pytest.raises(openai.BadRequestError):
            await client.responses.create(input="tea?", tools=[{"type": "file_search"}])


async def test_mistakes_are_told_in_the_clients_words(settings: Settings) -> None:
    async with serving(settings) as (client, _):
        for asked in (
            client.files.retrieve("file-none"),
            client.vector_stores.retrieve("vs_none"),
            client.vector_stores.search("../node", query="x"),
            client.vector_stores.create(file_ids=["file-none"]),
        ):
            with pytest.raises(openai.NotFoundError):
                await asked
        assert [each async for each in client.vector_stores.list()] == []
        store = await client.vector_stores.create()
        for asked in (
            client.files.create(file=("a.md", b"x"), purpose="nothing"),  # type: ignore[arg-type]
            client.files.create(file=("..", b"x"), purpose="assistants"),
            client.vector_stores.search(store.id, query=""),
            client.vector_stores.search(store.id, query="x", max_num_results=51),
            client.vector_stores.list(limit=1000),
        ):
            with pytest.raises(openai.BadRequestError):
                await asked
        broken = await client.files.create(file=("a.json", b"{"), purpose="assistants")
        failed = await client.vector_stores.files.create_and_poll(
            broken.id, vector_store_id=store.id
        )
        assert failed.status == "failed"
        assert "not JSON" in failed.last_error.message


async def test_files_and_stores_outlive_their_server(settings: Settings) -> None:
    async with serving(settings) as (client, _):
        file = await client.files.create(file=("tea.md", TEA), purpose="assistants")
        store = await client.vector_stores.create(file_ids=[file.id])  # and the server ends
    async with serving(settings) as (client, _):

        async def filled() -> bool:
            found = await client.vector_stores.retrieve(store.id)
            return found.file_counts.completed == 1

        while not await filled():
            pass
        (best,) = (await client.vector_stores.search(store.id, query="tea")).data
        assert best.file_id == file.id
