"""The store, from Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ingle.capabilities.store.operation import (
    CopyModel,
    Created,
    CreateModel,
    DiskUsage,
    DiskUse,
    FitModel,
    FitReport,
    ListModels,
    ModelDetails,
    ModelOffer,
    Models,
    ModelSummary,
    OfferedModel,
    OfferModel,
    Prune,
    Pruned,
    Pull,
    Pulled,
    Recommendations,
    RecommendModels,
    RemoveModel,
    ShowModel,
    Shown,
    SourceFile,
    StoreVerified,
    VerifyStore,
)
from ingle.capabilities.store.paths import absolute
from ingle.client.methods import Methods
from ingle.operations import Done, Message, ModelDefaults, Progress, Sampling

OnProgress = Callable[[Progress], object]
OnReplaced = Callable[[str], object]


class StoreMethods(Methods):
    """Methods of `AsyncHome`."""

    async def models(self) -> list[ModelSummary]:
        """The models of the store."""
        return (await self.ask(ListModels(), Models)).models

    async def show(self, model: str) -> ModelDetails:
        """Show details of a model."""
        return (await self.ask(ShowModel(model=model), Shown)).model

    async def fit(
        self, model: str, *, context: int | None = None, slots: int | None = None
    ) -> list[FitReport]:
        """Will it fit? One report for each device, best first."""
        request = FitModel(model=model, context=context, slots=slots)
        async with self.node.perform(request) as events:
            return [event async for event in events if isinstance(event, FitReport)]

    async def offer(self, model: str) -> ModelOffer:
        """What a pull of a name would fetch, and whether it fits."""
        return (await self.ask(OfferModel(model=model), OfferedModel)).offer

    async def recommend(
        self, purpose: str = "", *, family: str = ""
    ) -> dict[str, list[ModelOffer]]:
        """Well-known models that suit this machine, by what they are for.

        Args:
            purpose: ``chat``, ``reasoning``, ``code``, ``vision``, ``embed``, ``rerank``,
                ``transcribe``, ``speak``, ``imagine``; empty: each.
            family: all sizes of one instead, such as ``qwen3``.
        """
        request = RecommendModels(purpose=purpose, family=family)
        return (await self.ask(request, Recommendations)).purposes

    async def pull(
        self,
        model: str,
        *,
        source: str = "",
        sha256: str = "",
        on_progress: OnProgress | None = None,
        on_replaced: OnReplaced | None = None,
    ) -> ModelSummary:
        """Fetch a model; resumes what was interrupted. Paths may be relative to this process.

        Args:
            on_replaced: told the digest of another model that had the name before.
        """
        request = Pull(model=absolute(model), source=absolute(source), sha256=sha256)
        async with self.node.perform(request) as events:
            async for event in events:
                if isinstance(event, Pulled):
                    if event.replaced and on_replaced is not None:
                        on_replaced(event.replaced)
                    return event.model
                if on_progress is not None and isinstance(event, Progress):
                    on_progress(event)
        raise AssertionError("a pull ends with Pulled or an error")

    async def create(
        self,
        model: str,
        base: str | Path,
        *,
        system: str = "",
        messages: Sequence[Message] = (),
        sampling: Sampling | None = None,
        max_tokens: int | None = None,
        context: int | None = None,
        stop: Sequence[str] = (),
        template: str = "",
        licence: str = "",
        adapters: Sequence[str | Path] = (),
        on_progress: OnProgress | None = None,
    ) -> Created:
        """Make a model from another one, with what it brings to each request.

        Args:
            base: A name, or the path of a GGUF file.
            template: A chat template in Jinja, in place of that of the weights.
            adapters: Names, or paths of GGUF files; they are always applied.

        What of this could not be kept is in the ``notes`` of the answer.
        """
        path = _path(base)
        request = CreateModel(
            model=model,
            base="" if path else str(base),
            files=[SourceFile(name=Path(path).name, path=path)] if path else [],
            adapters=[_adapter(adapter) for adapter in adapters],
            defaults=ModelDefaults(
                system=system,
                messages=list(messages),
                sampling=sampling or Sampling(),
                max_tokens=max_tokens,
                context=context,
                stop=list(stop),
                template=template,
                licence=licence,
            ),
        )
        async with self.node.perform(request) as events:
            async for event in events:
                if isinstance(event, Created):
                    return event
                if on_progress is not None and isinstance(event, Progress):
                    on_progress(event)
        raise AssertionError("a creation ends with Created or an error")

    async def copy(self, model: str, to: str) -> None:
        """Copy a model to another name."""
        await self.ask(CopyModel(model=model, to=to), Done)

    async def remove(self, model: str) -> None:
        """Forget a name; the bytes go with the last one."""
        await self.ask(RemoveModel(model=model), Done)

    async def disk_usage(self) -> DiskUsage:
        """Show disk usage."""
        return await self.ask(DiskUse(), DiskUsage)

    async def prune(self, *, partials: bool = False, dry_run: bool = False) -> Pruned:
        """Delete what has no name; interrupted downloads only if asked."""
        return await self.ask(Prune(partials=partials, dry_run=dry_run), Pruned)

    async def verify_store(
        self, model: str = "", *, on_progress: OnProgress | None = None
    ) -> StoreVerified:
        """Read files again and compare them with their hashes; damaged ones are set aside.

        Args:
            model: One model, or ``+adapter``; empty: all.
        """
        async with self.node.perform(VerifyStore(model=model)) as events:
            async for event in events:
                if isinstance(event, StoreVerified):
                    return event
                if on_progress is not None and isinstance(event, Progress):
                    on_progress(event)
        raise AssertionError("a verification ends with StoreVerified or an error")


def _path(text: str | Path) -> str:
    """The absolute path that is meant; empty: it is a name."""
    if isinstance(text, Path):
        return str(text.expanduser().resolve())
    found = absolute(text)
    return found if found.startswith("/") else ""


def _adapter(adapter: str | Path) -> SourceFile:
    path = _path(adapter)
    return SourceFile(name=Path(path).name if path else str(adapter), path=path)
