"""What a file is like, as those who offer it say, and who says which."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence

from ingle.errors import IngleError, NetworkError
from ingle.peers.swarm.metainfo import Metainfo
from ingle.peers.swarm.range_source import RangeSource


@dataclasses.dataclass(frozen=True, slots=True)
class MetainfoCandidate:
    """One metainfo for the file, which may be a lie, and whom to ask for bytes if it is true."""

    metainfo: Metainfo
    vouchers: list[str]
    """Names of those who offered it."""
    sources: list[RangeSource]
    """They, and those who offered none. Those who offered another would only be
    taken for liars by the measure of this one, or it by theirs."""


async def candidates(
    sources: Sequence[RangeSource],
    digest: str,
    size: int,
    *,
    kept: Metainfo | None,
    each_s: float,
    others_s: float,
) -> list[MetainfoCandidate]:
    """Ask all sources at once for the metainfo.

    Args:
        size: Of the file; 0 if unknown.
        kept: That of an earlier session.
        each_s: Seconds a source may take.
        others_s: Seconds the others may take once one has answered.

    Returns:
        At least one: that which most vouch for first, of equals the one we have begun with.

    Raises:
        IngleError: no one offered a metainfo that could be one; the worst reason.
    """
    asked = {asyncio.ensure_future(_ask(s, digest, size, each_s)): s for s in sources}
    try:
        await _most(list(asked), others_s)
        said = [(source, task.result() if task.done() else None) for task, source in asked.items()]
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    offered: dict[Metainfo, list[RangeSource]] = {kept: []} if kept is not None else {}
    for source, answer in said:
        if isinstance(answer, Metainfo):
            offered.setdefault(answer, []).append(source)
    if not offered:
        raise _none(digest, [answer for _, answer in said if isinstance(answer, IngleError)])
    silent = [source for source, answer in said if not isinstance(answer, Metainfo)]
    found = [
        MetainfoCandidate(metainfo, [voucher.name for voucher in vouchers], [*vouchers, *silent])
        for metainfo, vouchers in offered.items()
    ]
    return sorted(found, key=lambda c: (-len(c.vouchers), c.metainfo != kept))


async def _ask(
    source: RangeSource, digest: str, size: int, timeout_s: float
) -> Metainfo | IngleError:
    try:
        async with asyncio.timeout(timeout_s):
            data = await source.torrent(digest)
        return await asyncio.to_thread(Metainfo.parse, data, digest, size)
    except TimeoutError:
        return NetworkError(f"{source.name} did not describe the file within {timeout_s:.0f} s")
    except IngleError as error:
        return type(error)(f"{source.name}: {error.message}", hint=error.hint)


async def _most(tasks: list[asyncio.Task[Metainfo | IngleError]], others_s: float) -> None:
    """Until all have answered, or one has and the others had their time."""
    left: set[asyncio.Task[Metainfo | IngleError]] = set(tasks)
    while left:
        done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        if any(isinstance(task.result(), Metainfo) for task in done):
            if left:
                await asyncio.wait(left, timeout=others_s)
            return


def _none(digest: str, reasons: list[IngleError]) -> IngleError:
    # A source that sent nonsense is worth more words than one that was not there.
    ranked = sorted(reasons, key=lambda error: error.code != "integrity_error")
    if ranked:
        first = ranked[0]
        return type(first)("; ".join(e.message for e in ranked), hint=first.hint)
    return NetworkError(f"no source can describe {digest}", hint="pull it from a paired peer first")
