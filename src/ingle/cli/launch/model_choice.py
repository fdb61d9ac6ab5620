"""`ModelChoice`: which model a program is given, with how much context, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ingle.capabilities.store.operation import (
    FitModel,
    FitReport,
    ListModels,
    Models,
    ModelSummary,
)
from ingle.cli.launch.launch_program import LaunchProgram
from ingle.client.home import AsyncHome
from ingle.errors import CapabilityMissing, PeerNotFound

PULL = "ingle pull hf.co/Qwen/Qwen3-8B-GGUF:Q4_K_M"


class ModelWish(NamedTuple):
    """What the caller has named; what is empty is to be chosen."""

    model: str = ""
    on: str = ""
    """A paired device or an upstream."""
    context: int = 0


class ModelChoice(NamedTuple):
    """A model for a program."""

    model: str
    context: int
    why: str
    warning: str = ""

    @property
    def plain(self) -> bool:
        """A model of this machine, without adapters."""
        return not {"@", "+"} & set(self.model)


async def choose(home: AsyncHome, program: LaunchProgram, wish: ModelWish) -> ModelChoice:
    """The model that was named, or the one that suits best.

    Raises:
        CapabilityMissing: no model here suits.
        PeerNotFound: the device offers no model.
        ModelNotFound: there is no model of that name.
    """
    if wish.on or "@" in wish.model:
        return await _elsewhere(home, program, wish)
    if wish.model:
        name, plus, adapters = wish.model.partition("+")
        base: ModelSummary = await home.show(name)
        chosen, why = f"{base.name}{plus}{adapters}", "you named it"
    else:
        base = await _best(home, program, (await home.ask(ListModels(), Models)).models)
        chosen, why = base.name, _reason(home, base)
    context = wish.context or await _fitting(home, program, base)
    return ModelChoice(chosen, context, why, _warning(program, chosen, context))


async def _elsewhere(home: AsyncHome, program: LaunchProgram, wish: ModelWish) -> ModelChoice:
    model, on, why = wish.model, wish.on, "you named it"
    if not model:
        offered = (await home.ask(ListModels(peers=True), Models)).models
        names = [one.name for one in offered if one.name.endswith(f"@{on}")]
        if not names:
            raise PeerNotFound(
                f"{on} offers no model, as far as is known here",
                hint=f"ingle launch {program.name} --on {on} --model MODEL",
                peer=on,
            )
        model, why = names[0], f"the first that {on} offers"
    name = model if "@" in model else f"{model}@{on}"
    return ModelChoice(name, wish.context or program.needs, why)


async def _best(
    home: AsyncHome, program: LaunchProgram, found: Sequence[ModelSummary]
) -> ModelSummary:
    """The default model if it suits, else the largest that suits and fits."""
    suitable = [one for one in found if _suits(program, one)]
    suitable.sort(key=lambda one: (one.name != home.settings.model, -one.parameters))
    for one in suitable:
        if any(report.fits for report in await _reports(home, one.name, program.needs)):
            return one
    if suitable:
        return suitable[-1]  # loading it says what it lacks
    chats = [one for one in found if "chat" in one.capabilities]
    longest = max(chats, key=lambda one: one.context_length)
    what = "calls tools and " if program.uses_tools else ""
    raise CapabilityMissing(
        f"no model here suits {program.name}: it needs one that {what}was trained for "
        f"{program.needs} tokens; the longest here is {longest.name} with "
        f"{longest.context_length}",
        hint=f"{PULL}, or try all the same: ingle launch {program.name} --model {longest.name}",
        needed=program.needs,
    )


def _suits(program: LaunchProgram, model: ModelSummary) -> bool:
    wanted = {"chat", "tools"} if program.uses_tools else {"chat"}
    return wanted <= set(model.capabilities) and model.context_length >= program.needs


def _reason(home: AsyncHome, model: ModelSummary) -> str:
    if model.name == home.settings.model:
        return "your default model"
    return f"the largest here that was trained for enough tokens ({model.context_length}) and fits"


async def _fitting(home: AsyncHome, program: LaunchProgram, model: ModelSummary) -> int:
    """As many tokens as the program prefers, if they fit; else as many as do."""
    most = min(model.context_length or program.prefers, program.prefers)
    reports = await _reports(home, model.name, most)
    if not reports or any(report.fits for report in reports):
        return most
    fitting = max(report.largest_context for report in reports)
    return min(most, max(fitting, program.needs))


async def _reports(home: AsyncHome, model: str, context: int) -> list[FitReport]:
    asked = FitModel(model=model, context=context, slots=1)
    return [event async for event in home.events(asked) if isinstance(event, FitReport)]


def _warning(program: LaunchProgram, model: str, context: int) -> str:
    if context >= program.needs:
        return ""
    return (
        f"{program.name} needs about {program.needs} tokens of context, and {model} gets "
        f"{context}: expect requests to be refused"
    )
