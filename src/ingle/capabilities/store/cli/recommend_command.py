"""``ingle recommend``: which well-known models suit this machine."""

from __future__ import annotations

import click

from ingle.capabilities.store.operation import ModelOffer
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, size
from ingle.models.recommendation import PURPOSES

_USED = {
    "transcribe": "ingle transcribe FILE -m MODEL",
    "speak": 'ingle speak "Hello" -m MODEL -o hello.wav',
    "imagine": 'ingle imagine "a lighthouse" -m MODEL -o it.png',
}
_WHERE = {"graphics": "GPU", "main": "CPU", "": "no"}


@click.command("recommend")
@click.argument("what", default="", metavar="[PURPOSE|FAMILY]")
@options
def recommend_command(output: Output, what: str) -> None:
    """Say which well-known models suit this machine, and why. Asks no network.

    \b
    ingle recommend          the best few for each purpose
    ingle recommend code     for one: chat, reasoning, code, vision, embed, rerank,
                             transcribe, speak, imagine
    ingle recommend qwen3    every size of a family
    """
    purpose = what if what in PURPOSES else ""
    family = "" if purpose else what

    async def ask() -> dict[str, list[ModelOffer]]:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.recommend(purpose, family=family)

    found = run(ask)
    if output.json:
        output.data(found)
        return
    rows = [
        (
            heading if number == 0 else "",
            offer.model,
            offer.quantization,
            size(offer.size),
            size(offer.needed),
            _WHERE[offer.where],
            offer.licence,
            offer.why,
        )
        for heading, offers in found.items()
        for number, offer in enumerate(offers)
    ]
    output.table(("FOR", "MODEL", "QUANT", "SIZE", "MEMORY", "ON", "LICENCE", "WHY"), rows)
    output.note("Sizes are estimates. To fetch one: ingle pull MODEL" + _then(list(found)))


def _then(purposes: list[str]) -> str:
    """What to do with a model for these."""
    if len(purposes) == 1 and purposes[0] in _USED:
        return f"; then: {_USED[purposes[0]]}"
    return "; to talk to one: ingle run MODEL"
