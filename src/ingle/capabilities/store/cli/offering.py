"""Offering to pull a model that someone asked for and that is not here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ingle.capabilities.store.operation import ModelOffer
from ingle.cli.command import flags, run
from ingle.cli.keys import pressed
from ingle.cli.output import Output, size
from ingle.cli.stdin import is_interactive
from ingle.errors import IngleError, ModelNotFound

R = TypeVar("R")
_ACCEPTED = {"y", "Y", "\r", "\n"}


def pulling_if_agreed(output: Output, action: Callable[[], R]) -> R:
    """Do something with a model; if it is not here, offer to pull it, and do it then.

    Someone must be there to agree: without a terminal, and with ``--json``, the error says the
    command instead.

    Raises:
        ModelNotFound: it is not here, and was not wanted or is not known.
    """
    try:
        return action()
    except ModelNotFound as error:
        name = str(error.details.get("model", ""))
        if output.json or not output.terminal or not is_interactive() or "@" in name:
            raise
        offer = _offered(name, error)
        output.note(_described(offer))
        agreed = _agreed(output, name)
        output.note("yes" if agreed else "no")
        if not agreed:
            raise
    _pull(output, name)
    return action()


def _agreed(output: Output, name: str) -> bool:
    try:
        return pressed(lambda: output.note(f"Pull {name} now? [Y/n] ", end="")) in _ACCEPTED
    except EOFError:
        return False


def _offered(name: str, missing: ModelNotFound) -> ModelOffer:
    async def ask() -> ModelOffer:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.offer(name)

    try:
        return run(ask)
    except IngleError:
        # Why it cannot be offered matters less than what was asked for.
        raise missing from None


def _pull(output: Output, name: str) -> None:
    async def pull() -> None:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            with output.progress() as progress:
                await home.pull(name, on_progress=progress.show)

    run(pull)


def _described(offer: ModelOffer) -> str:
    about = "about " if offer.estimated else ""
    parts = [
        f"{offer.model} is not here. It would come from {offer.source}",
        f"{about}{size(offer.size)}" if offer.size else "",
        offer.quantization,
        f"licence {offer.licence}" if offer.licence else "licence: see its page",
        "its owner wants terms accepted first" if offer.gated else "",
    ]
    lines = [", ".join(part for part in parts if part) + "."]
    if offer.about:
        lines.append(offer.about)
    if offer.needed:
        verdict = "It fits" if offer.fits else "It does not fit"
        lines.append(
            f"{verdict}: it takes about {size(offer.needed)} of the {size(offer.available)} that "
            "models may have here."
        )
    return "\n".join(lines)
