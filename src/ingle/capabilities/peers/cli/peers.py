"""``ingle peers``: the devices this one is paired with."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ingle.capabilities.node.operation import Ledger, LedgerPage
from ingle.capabilities.peers.cli.identity_findings import RESET
from ingle.capabilities.peers.operation import (
    ConfirmCode,
    ForgetPeer,
    Found,
    Invite,
    Invited,
    Join,
    ListPeers,
    Me,
    Nearby,
    Pair,
    Paired,
    PeerInfo,
    Peers,
    RenamePeer,
    ResetIdentity,
    ShowCode,
    WhoAmI,
)
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, age
from ingle.errors import InvalidRequest
from ingle.operations import Done, TryingPath

if TYPE_CHECKING:
    from ingle.client.home import AsyncHome

T = TypeVar("T")


@click.group("peers", invoke_without_command=True)
@click.option("--ask", is_flag=True, help="Connect to each device now.")
@options
def peers_command(output: Output, ask: bool) -> None:
    """Devices that are paired with this one.

    \b
    ingle peers invite          here: shows a code
    ingle peers join CODE       on the other device: pairs both
    ingle peers nearby          who else is on this network
    """
    if click.get_current_context().invoked_subcommand is not None:
        return

    async def read(home: AsyncHome) -> Peers:
        return await home.ask(ListPeers(ask=ask), Peers)

    listed = _with_home(read)
    found = listed.peers
    if listed.problem:
        output.note(f"{listed.problem}; {RESET}")
    if output.json:
        output.data(found)
        return
    if not found:
        output.note("no devices are paired; start with: ingle peers invite")
        return
    rows = [
        (
            peer.name,
            peer.fingerprint,
            "connected" if peer.connected else "unreachable" if peer.problem else "-",
            peer.way or "-",
            "-" if peer.round_trip_s is None else f"{peer.round_trip_s * 1e3:.1f} ms",
            peer.place or "-",
            f"{age(time.time() - peer.seen)} ago" if peer.seen else "never",
            ", ".join(peer.models[:4]) + (", ..." if len(peer.models) > 4 else "") or "-",
            str(len(peer.given)),
        )
        for peer in found
    ]
    columns = ("NAME", "FINGERPRINT", "STATE", "WAY", "LATENCY", "AT", "SEEN", "OFFERS", "GRANTS")
    output.table(columns, rows)
    for peer in found:
        if peer.problem:
            output.note(f"{peer.name}: {peer.problem}")


@peers_command.command("invite")
@click.option("--preset", default="", help="Grant for the device that joins: family or guest.")
@click.option("--minutes", type=click.FloatRange(0.1, 10080), default=10.0, show_default=True)
@click.option("--qr/--no-qr", default=None, help="Also show it as a QR code.")
@options
def invite_command(output: Output, preset: str, minutes: float, qr: bool | None) -> None:
    """Make a code that pairs one device, once."""

    async def ask(home: AsyncHome) -> Invited:
        return await home.ask(Invite(preset=preset, ttl_s=minutes * 60), Invited)

    invited = _with_home(ask)
    if output.json:
        output.data(invited)
        return
    if qr or (qr is None and output.terminal):
        import segno

        picture = segno.make(invited.code.upper(), error="l", micro=False)
        picture.terminal(compact=True)
    output.text(invited.code)
    output.note(f"on the other device, within {minutes:g} minutes:\n  ingle peers join CODE")


@peers_command.command("join")
@click.argument("code")
@click.option("--name", default="", help="Name for the device on this one.")
@options
def join_command(output: Output, code: str, name: str) -> None:
    """Pair with the device that made an invite. ``-`` reads the code from stdin."""
    if code == "-":
        code = sys.stdin.read().strip()
    if not code:
        raise InvalidRequest("no code was given", hint="ingle peers join CODE")

    async def ask(home: AsyncHome) -> PeerInfo:
        found: PeerInfo | None = None
        async for event in home.events(Join(code=code, name=name)):
            if isinstance(event, Paired):
                found = event.peer
            _say(output, event)
        if found is not None:
            return found
        raise AssertionError("joining ends with Paired or an error")

    _paired(output, _with_home(ask))


@peers_command.command("nearby")
@click.option("--seconds", type=click.FloatRange(0.5, 600), default=3.0, show_default=True)
@options
def nearby_command(output: Output, seconds: float) -> None:
    """Who else runs ingle on this network, and who asks to pair."""

    async def ask(home: AsyncHome) -> list[Found]:
        events = home.events(Nearby(seconds=seconds))
        return [one async for one in events if isinstance(one, Found)]

    found = _with_home(ask)
    if output.json:
        output.data(found)
        return
    if not found:
        output.note("no other device was found; run this on the other device: ingle peers nearby")
        return
    rows = [
        (
            one.name,
            one.fingerprint,
            one.place,
            "asks to pair" if one.asks else "paired" if one.paired else "-",
        )
        for one in found
    ]
    output.table(("NAME", "FINGERPRINT", "AT", "STATE"), rows)
    if any(one.asks for one in found):
        output.note("to pair: compare the code it shows, then: ingle peers confirm CODE")
    elif any(not one.paired for one in found):
        output.note("to pair: ingle peers pair NAME")


@peers_command.command("pair")
@click.argument("name")
@options
def pair_command(output: Output, name: str) -> None:
    """Pair with a device nearby, by a code that both show."""

    async def ask(home: AsyncHome) -> PeerInfo:
        async for event in home.events(Pair(peer=name)):
            if isinstance(event, Paired):
                return event.peer
            if isinstance(event, ShowCode):
                await _compare(home, output, event)
        raise AssertionError("pairing ends with Paired or an error")

    _paired(output, _with_home(ask))


async def _compare(home: AsyncHome, output: Output, shown: ShowCode) -> None:
    import asyncio

    output.note(f"code: {shown.code[:3]} {shown.code[3:]}")
    output.note(f"on {shown.name} ({shown.fingerprint}), type:\n  ingle peers confirm {shown.code}")
    question = f"Did {shown.name} accept this code?"
    equal = await asyncio.to_thread(click.confirm, question, default=False, err=True)
    await home.ask(ConfirmCode(code=shown.code, equal=equal), Done)


@peers_command.command("confirm")
@click.argument("code")
@click.option("--no", is_flag=True, help="The codes differ: reject the pairing.")
@options
def confirm_command(output: Output, code: str, no: bool) -> None:
    """The code that another device shows, to pair with it."""
    _do(output, ConfirmCode(code=code, equal=not no))


@peers_command.command("forget")
@click.argument("name")
@options
def forget_command(output: Output, name: str) -> None:
    """Unpair a device; all that was granted to it ends at once."""
    _do(output, ForgetPeer(peer=name))


@peers_command.command("set")
@click.argument("name")
@click.option("--name", "new", default="", help="New name.")
@click.option(
    "--at",
    "places",
    multiple=True,
    metavar="IP:PORT",
    help="Fixed address of the device (IP:PORT).",
)
@click.option("--nowhere", is_flag=True, help="Forget its fixed addresses.")
@options
def set_command(
    output: Output, name: str, new: str, places: tuple[str, ...], nowhere: bool
) -> None:
    """Rename a paired device, or say where it always is."""
    fixed = list(places) if places or nowhere else None

    async def ask(home: AsyncHome) -> PeerInfo:
        request = RenamePeer(peer=name, name=new, places=fixed)
        return (await home.ask(request, Peers)).peers[0]

    peer = _with_home(ask)
    if output.json:
        output.data(peer)
    else:
        output.note(f"{peer.name} ({peer.fingerprint})")


@peers_command.command("me")
@options
def me_command(output: Output) -> None:
    """This device's own name, fingerprint and addresses."""

    async def ask(home: AsyncHome) -> Me:
        return await home.ask(WhoAmI(), Me)

    me = _with_home(ask)
    if output.json:
        output.data(me)
        return
    output.pairs(
        [
            ("name", me.name),
            ("fingerprint", me.fingerprint),
            ("key", me.key),
            ("at", ", ".join(me.places)),
            ("problem", me.problem),
        ]
    )


@peers_command.command("reset")
@click.confirmation_option(prompt="All pairings and grants of this device end. Continue?")
@options
def reset_command(output: Output) -> None:
    """A new identity for this device: after its state directory was copied, or its key was seen."""
    _do(output, ResetIdentity())


@peers_command.command("ledger")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@options
def ledger_command(output: Output, limit: int) -> None:
    """What was sent to paired devices: when, what, how many bytes, under which grant."""

    async def ask(home: AsyncHome) -> LedgerPage:
        return await home.ask(Ledger(limit=limit, to="peer:"), LedgerPage)

    page = _with_home(ask)
    if output.json:
        output.data(page.entries)
        return
    rows = [
        (
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.time)),
            entry.to.removeprefix("peer:"),
            entry.operation,
            entry.model,
            str(entry.bytes_out),
            str(entry.bytes_in),
            entry.grant or "-",
            entry.outcome,
        )
        for entry in page.entries
    ]
    output.table(("WHEN", "TO", "OPERATION", "MODEL", "OUT", "IN", "GRANT", "OUTCOME"), rows)


def _with_home(work: Callable[[AsyncHome], Coroutine[Any, Any, T]]) -> T:
    async def ask() -> T:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await work(home)

    return run(ask)


def _do(output: Output, request: ConfirmCode | ForgetPeer | ResetIdentity) -> None:
    async def ask(home: AsyncHome) -> Done:
        return await home.ask(request, Done)

    done = _with_home(ask)
    if output.json:
        output.data(done)
    else:
        output.note(done.message)


def _say(output: Output, event: object) -> None:
    if isinstance(event, TryingPath) and output.terminal and not output.json:
        output.reaching(event)


def _paired(output: Output, peer: PeerInfo) -> None:
    if output.json:
        output.data(peer)
        return
    output.text(f"paired with {peer.name} ({peer.fingerprint})")
    if peer.models:
        output.note(f"it offers: {', '.join(peer.models)}")
        output.note(f'  ingle run {peer.models[0]} --on {peer.name} "..."')
    output.note(f"to let it use this device: ingle grant {peer.name} --preset family")
