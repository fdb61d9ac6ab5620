"""What ``ingle doctor`` says of this device's identity."""

from __future__ import annotations

from collections.abc import Iterator

from ingle.capabilities.peers.operation import ListPeers, Me, Peers, WhoAmI
from ingle.cli.command import flags, run
from ingle.cli.finding import Finding
from ingle.config import Settings
from ingle.errors import IngleError

RESET = "on one of the two devices: ingle peers reset"


def findings(settings: Settings) -> Iterator[Finding]:
    """One, once there are paired devices: before that, none is needed."""

    async def ask() -> tuple[Peers, Me | None]:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            found = await home.ask(ListPeers(), Peers)
            return found, await home.ask(WhoAmI(), Me) if found.peers else None

    try:
        found, me = run(ask)
    except IngleError as error:
        yield Finding("identity", "fail", error.message, error.hint)
        return
    if found.problem:
        yield Finding("identity", "fail", found.problem, RESET)
    elif me is not None:
        text = f"{me.name}, {me.fingerprint}, paired with {len(found.peers)}"
        yield Finding("identity", "ok", text)
