"""``ingle grant``, ``grants``, ``revoke``: what paired devices may do here."""

from __future__ import annotations

import re
import time
from typing import Any

import click

from ingle.capabilities.peers.operation import GrantInfo, GrantPeer, Grants, ListGrants, RevokeGrant
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.config.settings import parse_duration
from ingle.errors import InvalidRequest
from ingle.operations import Done


@click.command("grant")
@click.argument("peer")
@click.option("--preset", default="", help="family or guest; other options override it.")
@click.option("--capabilities", default="", metavar="LIST", help="chat,embed,rerank,pull,...")
@click.option(
    "--models", default="", metavar="LIST", help="Model names, * as wildcard; default: all."
)
@click.option(
    "--collections", default="", metavar="LIST", help="Collections to search or ask, * as wildcard."
)
@click.option("--context", type=int, help="Largest context per request, in tokens.")
@click.option("--max-tokens", type=int, help="Largest answer, in tokens.")
@click.option("--tokens-per-day", type=int, help="Tokens per day, prompts and answers together.")
@click.option(
    "--per-day",
    multiple=True,
    metavar="UNIT=N",
    help="Daily limit in another unit, such as audio_s=3600; repeatable.",
)
@click.option("--requests-per-minute", type=int)
@click.option("--concurrent", type=int, help="Concurrent requests.")
@click.option(
    "--until", metavar="WHEN", help="A date (2027-01-31), a duration (12h, 7d), or never."
)
@click.option("--pass-on", "passes", type=int, help="How many times it may be delegated further.")
@click.option(
    "--of", default="", metavar="ID", help="Delegate part of a grant that this device holds."
)
@options
def grant_command(
    output: Output,
    peer: str,
    capabilities: str,
    models: str,
    collections: str,
    until: str | None,
    per_day: tuple[str, ...],
    **bounds: Any,
) -> None:
    """Allow a paired device to use this one. Without a grant it may do nothing.

    \b
    ingle grant laptop --preset family
    ingle grant phone --capabilities chat,embed --models 'qwen*' --tokens-per-day 50000 --until 7d
    ingle grant phone --capabilities search,ask --collections notes
    """
    request = GrantPeer(
        peer=peer,
        capabilities=_list(capabilities),
        models=_list(models),
        collections=_list(collections),
        ends=_moment(until) if until is not None else None,
        per_day=dict(_amount(text) for text in per_day),
        **bounds,
    )
    grants = _ask(request)
    if output.json:
        output.data(grants[0])
    else:
        _show(output, grants)


@click.command("grants")
@click.argument("peer", default="")
@options
def grants_command(output: Output, peer: str) -> None:
    """What was granted, by this device and to it, and what is used of it today."""
    grants = _ask(ListGrants(peer=peer))
    if output.json:
        output.data(grants)
    elif grants:
        _show(output, grants)
    else:
        output.note("nothing is granted: paired devices cannot use this one yet")


@click.command("revoke")
@click.argument("grant")
@options
def revoke_command(output: Output, grant: str) -> None:
    """Take a grant back; what runs under it stops at once."""

    async def ask() -> Done:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.ask(RevokeGrant(grant=grant), Done)

    done = run(ask)
    if output.json:
        output.data(done)
    else:
        output.note(done.message)


def _ask(request: GrantPeer | ListGrants) -> list[GrantInfo]:
    async def ask() -> list[GrantInfo]:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return (await home.ask(request, Grants)).grants

    return run(ask)


def _show(output: Output, grants: list[GrantInfo]) -> None:
    collections = any(grant.collections for grant in grants)
    rows = [
        (
            grant.id,
            "to" if grant.direction == "given" else "from",
            grant.peer,
            ",".join(grant.capabilities),
            ",".join(grant.models),
            *([",".join(grant.collections)] if collections else ()),
            _limits(grant),
            _used(grant),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(grant.ends)) if grant.ends else "never",
        )
        for grant in grants
    ]
    named = ("COLLECTIONS",) if collections else ()
    columns = ("GRANT", "", "PEER", "MAY", "MODELS", *named, "LIMITS", "USED TODAY", "ENDS")
    output.table(columns, rows)


def _limits(grant: GrantInfo) -> str:
    parts = [
        (grant.tokens_per_day, "tokens/day"),
        (grant.requests_per_minute, "requests/min"),
        (grant.concurrent, "at once"),
        (grant.max_tokens, "tokens/answer"),
        (grant.context, "context"),
    ]
    parts += [(value, f"{unit}/day") for unit, value in grant.per_day.items()]
    return ", ".join(f"{value} {unit}" for value, unit in parts if value) or "none"


def _used(grant: GrantInfo) -> str:
    if grant.direction == "held":
        return "-"
    others = "".join(f", {amount:g} {unit}" for unit, amount in grant.amounts_today.items() if unit)
    return f"{grant.used_today} tokens{others}, {grant.requests_today} requests"


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _amount(text: str) -> tuple[str, int]:
    unit, _, amount = text.partition("=")
    if not unit or not amount.isdecimal():
        raise InvalidRequest(
            f"--per-day: {text!r} is not in the form UNIT=N",
            hint="--per-day audio_s=3600",
            field="per_day",
        )
    return unit, int(amount)


def _moment(text: str) -> float:
    """Unix time of a date, or of a span from now; 0 for never."""
    if text == "never":
        return 0.0
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        try:
            return time.mktime(time.strptime(text, "%Y-%m-%d"))
        except ValueError:
            raise InvalidRequest(f"--until: not a valid date: {text}", field="until") from None
    seconds = parse_duration(text, "until")
    if seconds <= 0:
        raise InvalidRequest(
            "--until: must be never, a date, or a duration such as 7d", field="until"
        )
    return time.time() + seconds
