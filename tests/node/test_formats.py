"""A node with models of another format, run by a plug-in's engine in a real worker."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingle.capabilities.adapters.operation import Adapters, AddAdapter
from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.embed.operation import Embed
from ingle.capabilities.node.operation import Load, Loaded, NodeStatus, StatusReport
from ingle.capabilities.store.operation import (
    CopyModel,
    FitModel,
    FitReport,
    ListModels,
    Models,
    Pull,
    Pulled,
    ShowModel,
    Shown,
)
from ingle.capabilities.train.operation import Train, Trained
from ingle.config import Settings
from ingle.engines import sandbox
from ingle.errors import CapabilityMissing, ConfigError, DoesNotFit, EngineMissing, InvalidRequest
from ingle.node.local_node import LocalNode
from ingle.node.node import ask
from ingle.operations import AdapterUse, Done, Fold, Message, Operation, Text

from ..engines.lora import write_adapter
from ..models.test_formats import write_words
from ..models.weights import write_model, write_projector

pytestmark = pytest.mark.anyio

MIB = 1 << 20


@asynccontextmanager
async def opened(settings: Settings, **changes: Any) -> AsyncIterator[LocalNode]:
    node = await LocalNode.open(msgspec.structs.replace(settings, **changes))
    try:
        yield node
    finally:
        await node.aclose()


async def text_of(node: LocalNode, operation: Operation) -> str:
    fold = Fold()
    async with node.perform(operation) as events:
        async for event in events:
            if isinstance(event, Text):
                fold.add(event)
    return fold.result().text


async def pull(node: LocalNode, path: Path, name: str) -> None:
    await ask(node, Pull(model=name, source=str(path)), Pulled)


@pytest.fixture
def folder(tmp_path: Path, words: Path) -> Path:
    return write_words(tmp_path / "small", licence="MIT")


async def test_a_folder_of_another_format_is_run(settings: Settings, folder: Path) -> None:
    async with opened(settings) as node:
        await pull(node, folder, "small")
        listed = (await ask(node, ListModels(), Models)).models[0]
        assert (listed.name, listed.format, listed.capabilities) == ("small", "words", ["complete"])
        shown = (await ask(node, ShowModel(model="small"), Shown)).model
        assert (shown.licence, len(shown.files)) == ("MIT", 3)
        assert await text_of(node, Complete(model="small", prompt="ab")) == "le out "
        (worker,) = (await ask(node, NodeStatus(), StatusReport)).workers
        assert (worker.engine, worker.role, worker.context) == ("speller", "generate", 0)
        assert worker.sandbox == sandbox.level()
        assert worker.predicted == listed.size + 50 * MIB
        with pytest.raises(CapabilityMissing):
            await ask(node, Embed(model="small", inputs=["x"]), Text)
        chat = Chat(model="small", messages=[Message(role="user", content="x")])
        with pytest.raises(CapabilityMissing):
            await text_of(node, chat)


async def test_a_copy_of_it_is_run_from_its_own_folder(settings: Settings, folder: Path) -> None:
    async with opened(settings) as node:
        node.store.add_path(folder, "kept", link=False)
        shutil.rmtree(folder)
        await ask(node, CopyModel(model="kept", to="second"), Done)
        assert await text_of(node, Complete(model="second", prompt="bo")) == "ok "


async def test_its_memory_is_predicted_and_admission_holds_to_it(
    settings: Settings, folder: Path
) -> None:
    async with opened(settings, memory="40MiB") as node:
        await pull(node, folder, "small")
        (report,) = [
            report
            for report in await reports(node, FitModel(model="small"))
            if report.device == "CPU"
        ]
        size = node.store.resolve("small").size
        assert (report.weights, report.overhead) == (size, 50 * MIB)
        assert (report.context, report.kv_cache, report.largest_context) == (0, 0, 0)
        assert report.fits
        assert (await reports(node, FitModel(model=str(folder))))[0].needed == report.needed
        with pytest.raises(DoesNotFit, match="needs 50 MiB with 4 slots; the budget is 40 MiB"):
            await ask(node, Load(model="small"), Loaded)


async def reports(node: LocalNode, operation: FitModel) -> list[FitReport]:
    async with node.perform(operation) as events:
        return [event async for event in events if isinstance(event, FitReport)]


async def test_what_an_engine_does_not_have_is_refused(settings: Settings, folder: Path) -> None:
    async with opened(settings) as node:
        await pull(node, folder, "small")
        with pytest.raises(InvalidRequest, match="speller has no context"):
            await ask(node, Load(model="small", context=100), Loaded)
        write_adapter(folder / "style.gguf", node.store.resolve("ember").path, seed=1)
        await ask(node, AddAdapter(path=str(folder / "style.gguf"), name="style"), Adapters)
        use = [AdapterUse(name="style")]
        with pytest.raises(InvalidRequest, match="it is for gguf models, and this is words"):
            await ask(node, Load(model="small", adapters=use), Loaded)


async def test_it_is_no_base_for_training(settings: Settings, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    async with opened(settings) as node:
        await pull(node, folder, "small")
        train = Train(model="small", name="run", data=str(tmp_path / "e.jsonl"))
        with pytest.raises(CapabilityMissing, match="a words model; training needs a GGUF base"):
            await ask(node, train, Trained)


async def test_a_format_without_an_engine_is_told(
    settings: Settings, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, words: Path
) -> None:
    async with opened(settings) as node:
        await pull(node, folder, "small")
        monkeypatch.delitem(__import__("sys").modules, "words_engine", raising=False)
        monkeypatch.setattr("sys.path", [p for p in __import__("sys").path if p != str(words)])
        with pytest.raises(
            EngineMissing, match=r"runs words models; installed are: llama \(gguf\)"
        ):
            await ask(node, Load(model="small"), Loaded)
        with pytest.raises(EngineMissing):
            await reports(node, FitModel(model="small"))


async def test_an_engine_that_does_not_read_the_format_is_refused(
    settings: Settings, folder: Path
) -> None:
    async with opened(settings, engines={"small": "llama"}) as node:
        await pull(node, folder, "small")
        with pytest.raises(ConfigError, match="small is a words model, and the engine llama runs"):
            await ask(node, Load(model="small"), Loaded)


# -- GGUF -------------------------------------------------------------------------------


async def test_projectors_and_adapters_are_reckoned_with(
    settings: Settings, tmp_path: Path, ember: Path
) -> None:
    """Admission passed them over: a vision model of 2 GiB with a projector of 1 GiB got 2."""
    write_model(tmp_path / "eye.gguf")
    write_projector(tmp_path / "mmproj-eye.gguf")
    write_adapter(tmp_path / "style.gguf", ember, seed=1)
    async with opened(settings) as node:
        await pull(node, tmp_path / "eye.gguf", "blind")
        (tmp_path / "style.gguf").rename(tmp_path / "style.bin")
        await pull(node, tmp_path, "eye")
        projector = (tmp_path / "mmproj-eye.gguf").stat().st_size
        blind, eye = [(await reports(node, FitModel(model=name)))[0] for name in ("blind", "eye")]
        assert eye.weights - blind.weights == projector
        wants = [
            node.slot_requests.for_model(
                node.store.resolve(name), role=role, context=512, slots=1, keep_alive=None
            )
            for name, role in (("blind", "generate"), ("eye", "generate"), ("eye", "score"))
        ]
        needs = [want.memory(want.spec).total for want in wants]
        assert needs[1] - needs[0] == projector
        assert "projector" not in wants[2].spec.files  # a scorer looks at no images

        adapter = node.store.add_adapter(tmp_path / "style.bin", "style")
        plain, styled = [
            (await reports(node, FitModel(model=name)))[0] for name in ("ember", "ember+style")
        ]
        assert styled.weights - plain.weights == adapter.size
        worker = (await ask(node, Load(model="ember", context=512, slots=1), Loaded)).worker
        before = worker.predicted
        use = [AdapterUse(name="style")]
        loading = Load(model="ember", context=512, slots=1, adapters=use)
        assert (await ask(node, loading, Loaded)).worker.predicted - before == adapter.size


async def test_defaults_leave_room_for_an_adapter(
    settings: Settings, tmp_path: Path, ember: Path
) -> None:
    """Context and slots are halved until the model fits, with what is loaded beside it."""
    write_adapter(tmp_path / "style.gguf", ember, seed=1)
    async with opened(settings) as node:
        node.store.add_adapter(tmp_path / "style.gguf", "style")
        model = node.store.resolve("ember")
        plain = node.slot_requests.for_model(
            model, role="generate", context=None, slots=None, keep_alive=None
        )
        exact = plain.memory(plain.spec).total
    async with opened(settings, memory=f"{exact}") as node:
        use = [AdapterUse(name="style")]
        want = node.slot_requests.for_model(
            model, role="generate", context=None, slots=None, keep_alive=None, adapters=use
        )
        assert want.memory(want.spec).total <= exact
        assert want.spec.slots < plain.spec.slots


async def test_a_model_that_only_completes_is_loaded_for_that(
    settings: Settings, tmp_path: Path
) -> None:
    write_model(tmp_path / "base.gguf", template="")
    async with opened(settings) as node:
        await pull(node, tmp_path / "base.gguf", "base")
        assert (await ask(node, Load(model="base"), Loaded)).worker.role == "generate"
