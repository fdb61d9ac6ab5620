"""The node with the embedded models: real workers, real requests, real trouble."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingle.capabilities.adapters.operation import Adapters, AddAdapter, ListAdapters, RemoveAdapter
from ingle.capabilities.chat import images
from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.capabilities.node.operation import Ledger, LedgerPage, NodeStatus, StatusReport, Unload
from ingle.capabilities.rerank.operation import Rerank
from ingle.capabilities.store.operation import FitModel, FitReport, ListModels, Models, Pull, Pulled
from ingle.config import Settings, Upstream
from ingle.errors import (
    CapabilityMissing,
    ContextLengthExceeded,
    DoesNotFit,
    EgressRefused,
    IngleError,
    InvalidRequest,
    ModelNotFound,
    NetworkError,
    NodeAlreadyRunning,
    NotFound,
    UnsafeURL,
    WorkerDied,
)
from ingle.node.local_node import LocalNode
from ingle.node.node import Node, ask
from ingle.operations import (
    AdapterUse,
    ChatResult,
    Done,
    Fold,
    ImagePart,
    Message,
    Sampling,
    Started,
    Status,
    Text,
    TextPart,
)
from tests.waiting import eventually_async

from ..engines.lora import write_adapter

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened(settings: Settings, **changes: Any) -> AsyncIterator[LocalNode]:
    node = await LocalNode.open(msgspec.structs.replace(settings, **changes))
    try:
        yield node
    finally:
        await node.aclose()


def chat(text: str = "hello", **fields: Any) -> Chat:
    fields.setdefault("sampling", Sampling(temperature=0.0))
    fields.setdefault("max_tokens", 16)
    model = fields.pop("model", "ember")
    return Chat(model=model, messages=[Message(role="user", content=text)], **fields)


def endless(**fields: Any) -> Chat:
    return chat(sampling=Sampling(temperature=0.0, ignore_eos=True), max_tokens=900, **fields)


async def result(node: Node, operation: Chat | Complete) -> ChatResult:
    fold = Fold()
    async with node.perform(operation) as events:
        async for event in events:
            fold.add(event)
    return fold.result()


LONG = "word and another one, " * (10 * 2**20 // 22)


@pytest.mark.parametrize(
    "operation",
    [
        chat(LONG),
        Complete(model="ember", prompt=LONG),
        Complete(model="ember", prompt=[5] * 200_000),
        Embed(model="ember-embed", inputs=["short", LONG]),
        Rerank(model="ember-embed", query="which", documents=["short", LONG]),
    ],
    ids=["chat", "complete", "ids", "embed", "rerank"],
)
async def test_text_that_cannot_fit_is_refused_before_a_model_is_loaded(
    settings: Settings, operation: Any
) -> None:
    async with opened(settings) as node:
        with pytest.raises(ContextLengthExceeded) as refused:
            await drained(node, operation)
        details = refused.value.details
        assert details["prompt_tokens"] > details["context"] > 0
        assert details["field"] in ("messages", "prompt", "inputs[1]", "documents[1]")
        assert await workers(node) == []


async def drained(node: Node, operation: Any) -> None:
    async with node.perform(operation) as events:
        async for _ in events:
            pass


async def workers(node: Node) -> list[tuple[str, int]]:
    report = await ask(node, NodeStatus(), StatusReport)
    return [(worker.model, worker.pid) for worker in report.workers]


async def test_an_answer_says_where_it_ran_and_where_the_time_went(settings: Settings) -> None:
    async with opened(settings) as node:
        cold = await result(node, chat())
        warm = await result(node, chat())
    assert cold.text == warm.text != ""
    assert (cold.model, cold.where) == ("ember", "local")
    assert cold.digest.startswith("sha256:")
    assert cold.timing.load_s > 0
    assert warm.timing.load_s == 0
    assert 0 < warm.timing.first_token_s <= warm.timing.total_s
    assert warm.usage.cached_tokens > 0


async def test_two_nodes_on_one_state_directory(settings: Settings) -> None:
    async with opened(settings):
        with pytest.raises(NodeAlreadyRunning) as caught:
            await LocalNode.open(settings)
        assert caught.value.details["pid"] == os.getpid()
    async with opened(settings):  # and it is free again
        pass


async def test_two_hundred_clients_share_four_slots(settings: Settings) -> None:
    async with opened(settings, slots=4) as node:
        answers = await asyncio.gather(
            *(result(node, chat(f"hello {number}", max_tokens=2)) for number in range(200))
        )
        assert len(answers) == 200
        assert all(answer.usage.completion_tokens == 2 for answer in answers)
        assert node.scheduler.waiting == 0


async def test_a_cancel_frees_the_slot(settings: Settings) -> None:
    async with opened(settings, slots=1) as node:
        async with node.perform(endless()) as events:
            async for event in events:
                if isinstance(event, Text):
                    break
        (loaded_model,) = node.scheduler.loaded_models
        await eventually_async(lambda: not loaded_model.active)  # bench measures how soon


async def test_the_others_go_on_when_a_worker_dies(settings: Settings) -> None:
    async with opened(settings) as node:
        await ask(node, Embed(model="ember-embed", inputs=["x"]), Embedded)
        victims = [asyncio.create_task(result(node, endless())) for _ in range(3)]
        await eventually_async(
            lambda: sum(loaded_model.active for loaded_model in node.scheduler.loaded_models) == 3
        )
        pids = dict(await workers(node))
        os.killpg(pids["ember"], signal.SIGKILL)
        ends = await asyncio.gather(*victims, return_exceptions=True)
        assert all(isinstance(end, WorkerDied) for end in ends)
        assert (await ask(node, Embed(model="ember-embed", inputs=["y"]), Embedded)).data
        assert dict(await workers(node))["ember-embed"] == pids["ember-embed"]
        assert (await result(node, chat())).text


async def test_context_is_settable_and_never_silently_cut(settings: Settings) -> None:
    async with opened(settings, context=512) as node:
        long = "word " * 700
        with pytest.raises(ContextLengthExceeded) as caught:
            await result(node, chat(long))
        assert caught.value.details["context"] == 512
        assert caught.value.details["prompt_tokens"] > 700
        assert (await result(node, chat(long, context=2048))).usage.prompt_tokens > 700
        assert (await result(node, chat(long))).usage.cached_tokens > 700
        with pytest.raises(InvalidRequest, match="trained for 4096"):
            await result(node, chat(context=10**9))


async def test_what_does_not_fit_is_refused_before_loading(settings: Settings) -> None:
    async with opened(settings, memory="100MiB") as node:
        with pytest.raises(DoesNotFit) as caught:
            await result(node, chat(context=4096))
        assert caught.value.exit_code == 4
        assert node.scheduler.loaded_models == []
        report = await ask(node, FitModel(model="ember", context=2048), FitReport)
        assert report.needed == sum(
            (report.weights, report.kv_cache, report.compute, report.overhead)
        )


async def test_unknown_names_get_the_nearest_and_a_command(settings: Settings) -> None:
    async with opened(settings) as node:
        with pytest.raises(ModelNotFound) as caught:
            await result(node, chat(model="embr"))
        assert "ember" in caught.value.message
        assert caught.value.hint == "ingle list"
        with pytest.raises(NotFound, match="mars"):
            await result(node, chat(on="mars"))
        with pytest.raises(CapabilityMissing, match="cannot chat"):
            await result(node, chat(model="ember-embed"))
        with pytest.raises(CapabilityMissing, match="cannot embed"):
            await ask(node, Embed(model="ember", inputs=["x"]), Embedded)
        for name in ("../../etc/passwd", "/etc/passwd", "a\x00b", "a/../b"):
            with pytest.raises(IngleError) as refused:
                await result(node, chat(model=name))
            assert refused.value.exit_code in (2, 3)


async def test_echo_scores_the_prompt_and_continues(settings: Settings) -> None:
    async with opened(settings) as node:
        ask_for = Complete(
            model="ember", prompt="The file", echo=True, logprobs=True, top_logprobs=2, max_tokens=3
        )
        answer = await result(node, ask_for)
        assert answer.text.startswith("The file")
        logprobs = answer.choices[0].logprobs
        assert logprobs[0].logprob is None
        assert all(entry.logprob is not None and entry.logprob < 0 for entry in logprobs[1:])
        assert answer.usage.completion_tokens == 3
        assert len(logprobs) == answer.usage.prompt_tokens + 3


async def test_adapters_by_request(settings: Settings, ember: Path, tmp_path: Path) -> None:
    path = write_adapter(tmp_path / "strange.gguf", ember, seed=5)
    plain = chat(sampling=Sampling(temperature=0.0, ignore_eos=True))
    adapted = msgspec.structs.replace(plain, adapters=[AdapterUse(name="strange", scale=10.0)])
    async with opened(settings) as node:
        await ask(node, AddAdapter(path=str(path)), Adapters)
        before = await result(node, plain)
        changed = await result(node, adapted)
        after = await result(node, plain)
        assert before.text == after.text != changed.text
        assert [entry.name for entry in (await ask(node, ListAdapters(), Adapters)).adapters] == [
            "strange"
        ]
        await ask(node, RemoveAdapter(name="strange"), Done)
        with pytest.raises(NotFound, match="strange"):
            await result(node, adapted)


async def test_status_events_tell_what_one_waits_for(settings: Settings) -> None:
    async with opened(settings) as node:
        async with node.perform(chat()) as events:
            kinds = [event async for event in events]
        assert kinds[0] == Status(state="loading", detail="ember")
        assert isinstance(kinds[1], Started)
        await ask(node, Unload(), Done)
        assert await workers(node) == []


async def test_the_store_is_seen_through_the_node(settings: Settings) -> None:
    async with opened(settings) as node:
        names = [model.name for model in (await ask(node, ListModels(), Models)).models]
    assert names == ["ember", "ember-embed", "espeak", "langid"]


PICTURE = "http://127.0.0.1:9/x.png"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/x.png",
        PICTURE,
        "http://localhost/x.png",
        "http://[::1]/x.png",
        "http://[::ffff:127.0.0.1]/x.png",
        "http://2130706433/x.png",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/x.png",
        "http://0.0.0.0/x.png",
        "http://[fe80::1]/x.png",
        "//no-scheme/x.png",
    ],
)
async def test_image_urls_that_lead_inside_are_refused(url: str, settings: Settings) -> None:
    message = Message(role="user", content=[TextPart(text="see"), ImagePart(url=url)])
    async with opened(settings) as node:
        with pytest.raises(UnsafeURL):
            await result(node, Chat(model="ember", messages=[message]))
        assert node.scheduler.loaded_models == []


async def test_a_redirect_is_checked_like_the_url_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public server redirects to a private address: the second hop is refused."""
    asked: list[str] = []

    async def get(client: object, url: str, address: str) -> bytes | str:
        asked.append(url)
        return PICTURE

    monkeypatch.setattr(images, "_get", get)
    with pytest.raises(UnsafeURL, match=r"127\.0\.0\.1"):
        await images.fetch("http://93.184.216.34/x.png", egress="allow")
    assert asked == ["http://93.184.216.34/x.png"]


async def test_nothing_leaves_when_egress_is_denied(settings: Settings) -> None:
    upstream = Upstream(base_url="http://93.184.216.34/v1", models=["far"])
    async with opened(settings, egress="deny", upstreams={"far": upstream}) as node:
        with pytest.raises(EgressRefused):
            await result(node, chat(model="far"))
        with pytest.raises(EgressRefused):
            await result(node, chat(model="other@far"))
    with pytest.raises(EgressRefused):
        await images.fetch("http://93.184.216.34/x.png", egress="deny")


async def test_a_plug_in_engine_runs_the_models_it_is_given(settings: Settings) -> None:
    async with opened(settings, engines={"ember": "echo"}) as node:
        assert (await result(node, chat("say this back"))).text == "say this back"
        (worker,) = (await ask(node, NodeStatus(), StatusReport)).workers
        assert worker.engine == "echo"


async def test_a_loopback_upstream_is_this_device(settings: Settings) -> None:
    upstream = Upstream(base_url="http://127.0.0.1:9/v1", models=["near"])
    async with opened(settings, egress="deny", upstreams={"here": upstream}) as node:
        with pytest.raises(NetworkError):  # it is asked, and no one listens
            await result(node, chat(model="near"))


async def test_pulls_from_elsewhere_are_in_the_ledger(settings: Settings, ember: Path) -> None:
    async with opened(settings, egress="deny") as node:
        await ask(node, Pull(model="mine", source=str(ember)), Pulled)
        assert (await ask(node, Ledger(), LedgerPage)).entries == []
        with pytest.raises(EgressRefused):
            await ask(node, Pull(model="http://93.184.216.34/x.gguf"), Pulled)
        (entry,) = (await ask(node, Ledger(), LedgerPage)).entries
    assert (entry.operation, entry.outcome) == ("pull", "egress_refused")
    assert entry.to == "http://93.184.216.34/x.gguf"
