"""AsyncHome: everything a program can ask of this machine's node."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from ingle.client.chat import AsyncChat, take_sampling
from ingle.client.connect import Otherwise, connect
from ingle.client.paths import absolute
from ingle.client.training import converted, ready_to_send, training_request
from ingle.config import Settings, load
from ingle.errors import InvalidRequest
from ingle.models.ref import part_from
from ingle.node.node import Node, ask
from ingle.operations import (
    AdapterDetails,
    Adapters,
    AdapterSummary,
    AddAdapter,
    AllowBase,
    Complete,
    CopyModel,
    DiskUsage,
    DiskUse,
    Done,
    Embed,
    Embedded,
    Event,
    FitModel,
    FitReport,
    Fold,
    ForgetPeer,
    GenerationResult,
    GrantInfo,
    GrantPeer,
    Grants,
    Invite,
    Invited,
    Join,
    Ledger,
    LedgerEntry,
    LedgerPage,
    ListAdapters,
    ListGrants,
    ListModels,
    ListPeers,
    ListRuns,
    Load,
    Loaded,
    ModelDetails,
    Models,
    ModelSummary,
    NodeStatus,
    Operation,
    Paired,
    PeerInfo,
    Peers,
    Progress,
    Prune,
    Pruned,
    Pull,
    Pulled,
    RemoveAdapter,
    RemoveModel,
    RemoveRun,
    Rerank,
    Reranked,
    Resume,
    RevokeGrant,
    RunDetails,
    RunList,
    RunSummary,
    ShowAdapter,
    ShowModel,
    Shown,
    ShowRun,
    StatusReport,
    StopRun,
    Suspend,
    Tokenize,
    Tokenized,
    Train,
    Trained,
    TrainingSettings,
    Unload,
    WorkerInfo,
)

E = TypeVar("E", bound=Event)

OnProgress = Callable[[Progress], object]


class AsyncHome:
    """This machine's node, as nouns and verbs. Made by `open_async`.

    Every method raises `IngleError` (see the error tree), and can be cancelled
    like any coroutine: the work stops on the node, too.
    """

    def __init__(self, node: Node, settings: Settings) -> None:
        self.node = node
        """The `Node` behind it, for operations that have no method here."""
        self.settings = settings

    def chat(self, model: str = "", **options: Any) -> AsyncChat:
        """A conversation. ``options``: ``system``, and any field of `Chat` or `Sampling`."""
        return AsyncChat(self.node, model or self.settings.model, options)

    async def complete(
        self, prompt: str | list[int], model: str = "", **options: Any
    ) -> GenerationResult[Any]:
        """Continue a raw prompt. ``options``: any field of `Complete` or `Sampling`."""
        request = Complete(
            model=model or self.settings.model,
            prompt=prompt,
            sampling=take_sampling(options),
            **options,
        )
        fold = Fold()
        async with self.node.perform(request) as events:
            async for event in events:
                fold.add(event)
        return fold.result()

    async def embed(
        self,
        inputs: str | Sequence[str],
        model: str = "",
        *,
        kind: Literal["", "query", "passage"] = "",
        dimensions: int | None = None,
        on: str = "",
    ) -> list[list[float]]:
        """One vector of length 1 for each text."""
        request = Embed(
            model=model or self.settings.embed_model,
            inputs=[inputs] if isinstance(inputs, str) else list(inputs),
            kind=kind,
            dimensions=dimensions,
            on=on,
        )
        return (await self.ask(request, Embedded)).vectors

    async def rerank(
        self,
        query: str,
        documents: Sequence[str],
        model: str = "",
        *,
        top: int | None = None,
        on: str = "",
    ) -> Reranked:
        """The documents' places, best first."""
        request = Rerank(
            model=model or self.settings.embed_model,
            query=query,
            documents=list(documents),
            top=top,
            on=on,
        )
        return await self.ask(request, Reranked)

    async def tokenize(self, text: str, model: str = "", *, on: str = "") -> list[int]:
        """Token ids, as the model sees the text."""
        request = Tokenize(model=model or self.settings.model, text=text, on=on)
        return (await self.ask(request, Tokenized)).tokens

    async def models(self) -> list[ModelSummary]:
        """The models of the store."""
        return (await self.ask(ListModels(), Models)).models

    async def show(self, model: str) -> ModelDetails:
        """Everything known of a model."""
        return (await self.ask(ShowModel(model=model), Shown)).model

    async def fit(
        self, model: str, *, context: int | None = None, slots: int | None = None
    ) -> list[FitReport]:
        """Will it fit? One report for each device, best first."""
        request = FitModel(model=model, context=context, slots=slots)
        async with self.node.perform(request) as events:
            return [event async for event in events if isinstance(event, FitReport)]

    async def pull(
        self,
        model: str,
        *,
        source: str = "",
        sha256: str = "",
        on_progress: OnProgress | None = None,
    ) -> ModelSummary:
        """Fetch a model; resumes what was interrupted. Paths may be relative to this process."""
        request = Pull(model=absolute(model), source=absolute(source), sha256=sha256)
        async with self.node.perform(request) as events:
            async for event in events:
                if isinstance(event, Pulled):
                    return event.model
                if on_progress is not None and isinstance(event, Progress):
                    on_progress(event)
        raise AssertionError("a pull ends with Pulled or an error")

    async def copy(self, model: str, to: str) -> None:
        """Give a model a second name."""
        await self.ask(CopyModel(model=model, to=to), Done)

    async def remove(self, model: str) -> None:
        """Forget a name; the bytes go with the last one."""
        await self.ask(RemoveModel(model=model), Done)

    async def add_adapter(
        self, path: str | Path, name: str = "", *, link: bool = False, base: str = ""
    ) -> AdapterSummary:
        """Take in a LoRA adapter: a GGUF file, or a folder as PEFT writes it.

        Args:
            base: the model that a PEFT folder is for.
        """
        place = Path(path).expanduser().resolve()
        if not place.is_dir():
            request = AddAdapter(path=str(place), name=name, link=link)
            return (await self.ask(request, Adapters)).adapters[0]
        if not base:
            raise InvalidRequest(
                "a PEFT folder does not say how its base is stored here; name the model",
                hint=f"ingle adapter add {place.name} --for MODEL",
                field="base",
            )
        details = await self.show(base)
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / f"{place.name}.gguf"
            await asyncio.to_thread(converted, place, details, target)
            request = AddAdapter(path=str(target), name=name or part_from(place.name))
            return (await self.ask(request, Adapters)).adapters[0]

    async def adapters(self) -> list[AdapterSummary]:
        """The LoRA adapters of the store."""
        return (await self.ask(ListAdapters(), Adapters)).adapters

    async def show_adapter(self, name: str) -> AdapterDetails:
        """An adapter, where it came from, and how it was trained."""
        return await self.ask(ShowAdapter(name=name), AdapterDetails)

    async def allow_adapter(self, name: str, model: str) -> None:
        """Let an adapter be used on a model that is not its base: the same one, requantised."""
        await self.ask(AllowBase(name=name, model=model), Done)

    async def remove_adapter(self, name: str) -> None:
        """Forget an adapter with all its versions, or one version (``NAME:2``)."""
        await self.ask(RemoveAdapter(name=name), Done)

    async def train(
        self,
        model: str,
        data: str | Path,
        name: str = "",
        *,
        on_event: Callable[[Event], object] | None = None,
        **options: Any,
    ) -> RunSummary:
        """Train a LoRA adapter; returns when the run has ended, however.

        Args:
            data: a file or folder, or the name of a cached data set.
            name: of the run and its adapter; from the data's name if empty.
            on_event: hears `TrainingNote` and `TrainingProgress`.
            options: any field of `Train` or `TrainingSettings`.
        """
        request = training_request(model, str(data), name, options)
        request = await asyncio.to_thread(ready_to_send, request, self.settings)
        return await self._trained(request, on_event)

    async def resume_run(
        self,
        name: str,
        *,
        device: str = "",
        on_event: Callable[[Event], object] | None = None,
    ) -> RunSummary:
        """Go on with a run that was paused or interrupted.

        Args:
            device: others of the kind that it began on; empty: where it was.
        """
        settings = TrainingSettings(device=device)
        return await self._trained(Train(name=name, resume=True, settings=settings), on_event)

    async def _trained(
        self, request: Train, on_event: Callable[[Event], object] | None
    ) -> RunSummary:
        async with self.node.perform(request) as events:
            async for event in events:
                if isinstance(event, Trained):
                    return event.run
                if on_event is not None:
                    on_event(event)
        return (await self.ask(ShowRun(name=request.name), RunDetails)).run  # it was detached

    async def runs(self) -> list[RunSummary]:
        """The training runs, the one that changed last first."""
        return (await self.ask(ListRuns(), RunList)).runs

    async def show_run(self, name: str) -> RunDetails:
        """A training run in full, with its curve."""
        return await self.ask(ShowRun(name=name), RunDetails)

    async def stop_run(self, name: str, *, keep: bool = False) -> str:
        """Have a run save and stop; with ``keep`` for good, its adapter goes into the store."""
        return (await self.ask(StopRun(name=name, keep=keep), Done)).message

    async def remove_run(self, name: str) -> None:
        """Delete a run's folder; its adapters stay."""
        await self.ask(RemoveRun(name=name), Done)

    async def load(
        self, model: str, *, context: int | None = None, keep_alive: float | None = None
    ) -> WorkerInfo:
        """Have a model in memory before the first request."""
        request = Load(model=model, context=context, keep_alive=keep_alive)
        return (await self.ask(request, Loaded)).worker

    async def unload(self, model: str = "", *, force: bool = False) -> None:
        """Free a model's memory; that of all models if none is named."""
        await self.ask(Unload(model=model, force=force), Done)

    async def suspend(self) -> None:
        """Free all memory and take no work until `resume`."""
        await self.ask(Suspend(), Done)

    async def resume(self) -> None:
        """Take work again; what was loaded is loaded."""
        await self.ask(Resume(), Done)

    async def status(self, *, probe: bool = False) -> StatusReport:
        """The node, its devices and what runs."""
        return await self.ask(NodeStatus(probe=probe), StatusReport)

    async def disk_usage(self) -> DiskUsage:
        """Where the disk space went."""
        return await self.ask(DiskUse(), DiskUsage)

    async def prune(self, *, partials: bool = False, dry_run: bool = False) -> Pruned:
        """Delete what has no name; interrupted downloads only if asked."""
        return await self.ask(Prune(partials=partials, dry_run=dry_run), Pruned)

    async def ledger(self, limit: int = 100) -> list[LedgerEntry]:
        """What left this device, newest first."""
        return (await self.ask(Ledger(limit=limit), LedgerPage)).entries

    async def peers(self, *, ask: bool = False) -> list[PeerInfo]:
        """The paired devices. With ``ask`` each is reached now."""
        return (await self.ask(ListPeers(ask=ask), Peers)).peers

    async def invite(self, *, preset: str = "", minutes: float = 10.0) -> Invited:
        """A code that pairs one device, once; it is granted the preset at once."""
        return await self.ask(Invite(preset=preset, ttl_s=minutes * 60), Invited)

    async def join(self, code: str, *, name: str = "") -> PeerInfo:
        """Pair with the device that made an invite."""
        return (await self.ask(Join(code=code, name=name), Paired)).peer

    async def forget(self, peer: str) -> None:
        """Unpair a device; its grants end at once."""
        await self.ask(ForgetPeer(peer=peer), Done)

    async def grant(self, peer: str, preset: str = "", **bounds: Any) -> GrantInfo:
        """Allow a paired device something. ``bounds``: any field of `GrantPeer`."""
        return (await self.ask(GrantPeer(peer=peer, preset=preset, **bounds), Grants)).grants[0]

    async def grants(self, peer: str = "") -> list[GrantInfo]:
        """What was granted, by this device and to it."""
        return (await self.ask(ListGrants(peer=peer), Grants)).grants

    async def revoke(self, grant: str) -> None:
        """Take a grant back, by its id."""
        await self.ask(RevokeGrant(grant=grant), Done)

    async def ask(self, operation: Operation, kind: type[E]) -> E:
        """Perform an operation whose answer is one event of a known kind."""
        return await ask(self.node, operation, kind)

    async def events(self, operation: Operation) -> AsyncGenerator[Event, None]:
        """Perform any operation; yields its events. Closing the iterator cancels it."""
        async with self.node.perform(operation) as events:
            async for event in events:
                yield event


@asynccontextmanager
async def open_async(
    settings: Settings | None = None, *, otherwise: Otherwise = "host", **flags: Any
) -> AsyncIterator[AsyncHome]:
    """Reach the node that runs on this machine, or host one in this process.

    Args:
        settings: instead of those from flags, environment and files.
        otherwise: if no node runs: ``host`` one here, start one in the
            ``background``, or ``fail``.
        flags: single settings, such as ``memory="6GiB"``.
    """
    if settings is None:
        settings, _ = load(flags)
    async with AsyncExitStack() as stack:
        node = await connect(settings, stack, otherwise)
        yield AsyncHome(node, settings)
