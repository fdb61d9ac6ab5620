"""Models shared: kept, counted, limited, found by others, and withheld when something is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ingle.capabilities.share.operation import (
    Audience,
    ListShares,
    Shared,
    ShareModel,
    Shares,
    ShareSummary,
    UnshareModel,
)
from ingle.capabilities.store.operation import ListModels
from ingle.errors import (
    BadModelFile,
    CapabilityMissing,
    EgressRefused,
    IntegrityError,
    InvalidRequest,
    ModelNotFound,
    NetworkError,
    NotFound,
    StorageError,
)
from ingle.operations import Done, Progress
from ingle.peers.swarm import seeder
from ingle.peers.swarm.metainfo import Metainfo
from tests.waiting import eventually_async

from ...models.test_formats import write_words
from .conftest import Machine, Whole, on
from .pulling import pulled
from .serving import MIB, Source

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeder, "TICK_S", 0.05)
    monkeypatch.setattr("ingle.peers.swarm.torrent_session.IDLE_S", 0.05)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Machine]:
    async with on(Machine(tmp_path / "desk", "127.0.0.2")) as machine:
        yield machine


@pytest.fixture
async def laptop(tmp_path: Path) -> AsyncIterator[Machine]:
    async with on(Machine(tmp_path / "laptop")) as machine:
        yield machine


async def shares(machine: Machine) -> list[ShareSummary]:
    (answer,) = [event async for event in machine.sharing.perform(ListShares())]
    assert isinstance(answer, Shares)
    return answer.shares


async def port(machine: Machine) -> int:
    (answer,) = [event async for event in machine.sharing.perform(ListShares())]
    assert isinstance(answer, Shares)
    assert answer.problem == ""
    return answer.port


class Neighbour(Source):
    """A machine's shares as another one's source, without the wire between them."""

    def __init__(self, machine: Machine) -> None:
        super().__init__("desk", b"")
        self._shares = machine.sharing.shares

    async def torrent(self, digest: str) -> bytes:
        return self._shares.metainfo(digest)

    async def read(self, digest: str, start: int, end: int) -> AsyncIterator[bytes]:
        async for piece in self._shares.read(digest, start, end):
            self.sent += len(piece)
            yield piece


# -- with paired peers ------------------------------------------------------------


async def test_nothing_starts_before_something_is_shared_widely(
    desk: Machine, model: Whole
) -> None:
    assert await port(desk) == 0
    await desk.share(model.path, "m")
    assert await port(desk) == 0
    await desk.share(model.path, "m", Audience.LAN)
    assert await port(desk) > 0
    async for event in desk.sharing.perform(UnshareModel(model="m")):
        assert isinstance(event, Done)
    assert await port(desk) == 0


async def test_sharing_tells_how_far_it_is_and_what_it_became(desk: Machine, model: Whole) -> None:
    desk.store.add_path(model.path, "m")
    events = [e async for e in desk.sharing.perform(ShareModel(model="m"))]
    assert all(isinstance(event, Progress) for event in events[:-1])
    assert len(events) > 1
    shared = events[-1]
    assert isinstance(shared, Shared)
    assert (shared.share.digest, shared.share.size) == (model.digest, len(model.data))
    assert shared.share.audience is Audience.PEERS
    assert desk.sharing.shares.metainfo(model.digest) == model.torrent
    again = [e async for e in desk.sharing.perform(ShareModel(model="M:latest"))]
    assert len(again) == 1  # the metainfo is made once
    assert len(await shares(desk)) == 1


async def test_a_peer_gets_it_and_it_is_counted(
    desk: Machine, laptop: Machine, model: Whole
) -> None:
    await desk.share(model.path, "m")
    neighbour = Neighbour(desk)
    await pulled(laptop.sharing, model.digest, len(model.data), neighbour)
    assert laptop.store.resolve("m").digest == model.digest
    (share,) = await shares(desk)
    assert share.uploaded == neighbour.sent >= len(model.data)
    assert share.ratio == pytest.approx(share.uploaded / len(model.data))


async def test_all_files_of_a_model_in_shards_are_shared(
    desk: Machine, laptop: Machine, tmp_path: Path
) -> None:
    from ...models.weights import write_shards

    first = write_shards(tmp_path)[0]
    await desk.share(first, "big")
    (share,) = desk.sharing.shares.offered()
    assert len(share.files) == 3
    await pulled(laptop.sharing, share.digest, 0, Neighbour(desk), files=share.files)
    assert laptop.store.resolve("m").facts == desk.store.resolve("big").facts


async def test_what_is_not_shared_is_not_given(desk: Machine, model: Whole) -> None:
    desk.store.add_path(model.path, "m")
    given = desk.sharing.shares
    for ask in (given.path, given.metainfo):
        with pytest.raises(NotFound):
            ask(model.digest)
    with pytest.raises(NotFound):
        await anext(given.read(model.digest, 0, 1))
    await desk.share(model.path, "m")
    assert given.path(model.digest).samefile(model.path)
    with pytest.raises(NotFound):
        given.path("sha256:" + "0" * 64)
    for start, end in ((-1, 1), (5, 5), (0, len(model.data) + 1)):
        with pytest.raises(InvalidRequest):
            await anext(given.read(model.digest, start, end))


async def test_unsharing_stops_what_is_being_sent(desk: Machine, model: Whole) -> None:
    await desk.share(model.path, "m")
    reading = desk.sharing.shares.read(model.digest, 0, len(model.data))
    assert len(await anext(reading)) == MIB
    async for _ in desk.sharing.perform(UnshareModel(model="m")):
        pass
    with pytest.raises(NotFound):
        await anext(reading)
    with pytest.raises(NotFound, match="m is not shared"):
        async for _ in desk.sharing.perform(UnshareModel(model="m")):
            pass


async def test_shares_and_counters_survive_a_restart(tmp_path: Path, model: Whole) -> None:
    async with on(Machine(tmp_path / "m", "127.0.0.2")) as before:
        await before.share(model.path, "m", Audience.LAN)
        async for _ in before.sharing.shares.read(model.digest, 0, 1000):
            pass
        (old,) = await shares(before)
    async with on(Machine(tmp_path / "m", "127.0.0.2")) as after:
        (new,) = await shares(after)
        assert (new.since, new.uploaded, new.audience) == (old.since, 1000, Audience.LAN)
        assert new.infohashes == [model.metainfo.infohash]
        assert await port(after) > 0
    database = tmp_path / "m" / "state" / "shares.sqlite3"
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


async def test_the_rate_for_peers_is_held(tmp_path: Path, model: Whole) -> None:
    async with on(Machine(tmp_path / "m", upload_rate="10MB")) as machine:
        await machine.share(model.path, "m")
        loop = asyncio.get_running_loop()
        began, read = loop.time(), 0
        async for piece in machine.sharing.shares.read(model.digest, 0, 6_000_000):
            read += len(piece)
        assert read == 6_000_000
        assert loop.time() - began > 0.3  # 0.6 s less the burst


# -- by BitTorrent -----------------------------------------------------------------


async def test_the_lan_gets_it_by_bittorrent(desk: Machine, laptop: Machine, model: Whole) -> None:
    await desk.share(model.path, "m", Audience.LAN)
    describing = Source("paired", b"", model.torrent, dies_after=0)
    await pulled(
        laptop.sharing,
        model.digest,
        len(model.data),
        describing,
        bittorrent_peers=[(desk.address, await port(desk))],
    )
    assert laptop.store.resolve("m").path.read_bytes() == model.data
    share = desk.sharing.shares.all
    await eventually_async(lambda: share()[0].uploaded >= len(model.data), "the upload is counted")


async def test_what_is_for_peers_only_is_in_no_swarm(
    desk: Machine, laptop: Machine, model: Whole, tmp_path: Path
) -> None:
    from ...models.weights import Shape, write_model

    open_one = write_model(tmp_path / "open.gguf", Shape(layers=1), seed=5)
    await desk.share(open_one, "open", Audience.LAN)
    await desk.share(model.path, "m")
    describing = Source("paired", b"", model.torrent, dies_after=0)
    with pytest.raises(NetworkError, match="nothing has come"):
        await pulled(
            laptop.sharing,
            model.digest,
            len(model.data),
            describing,
            bittorrent_peers=[(desk.address, await port(desk))],
        )
    assert [bool(share.infohashes) for share in await shares(desk)] == [False, True]


async def test_sources_of_all_kinds_at_once(
    desk: Machine, laptop: Machine, model: Whole, tmp_path: Path
) -> None:
    await desk.share(model.path, "m", Audience.LAN)
    paired = Source("paired", model.data, model.torrent, rate=6e6)
    await pulled(
        laptop.sharing,
        model.digest,
        len(model.data),
        paired,
        bittorrent_peers=[(desk.address, await port(desk))],
    )
    assert laptop.store.resolve("m").path.read_bytes() == model.data


async def test_a_bittorrent_liar_is_banned_and_stays_so(
    tmp_path: Path, laptop: Machine, model: Whole
) -> None:
    import libtorrent as lt

    folder = tmp_path / "liar"
    folder.mkdir()
    (folder / model.digest[7:]).write_bytes(bytes(len(model.data)))
    liar = lt.session(
        {
            "listen_interfaces": "127.0.0.9:0",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "disable_hash_checks": True,
        }
    )
    params = lt.load_torrent_buffer(model.torrent)
    params.save_path = str(folder)
    params.flags = lt.torrent_flags.seed_mode
    liar.add_torrent(params)
    await eventually_async(liar.listen_port, "the liar listens")
    paired = Source("paired", model.data, model.torrent, rate=4e6)
    events = await pulled(
        laptop.sharing,
        model.digest,
        len(model.data),
        paired,
        bittorrent_peers=[("127.0.0.9", liar.listen_port())],
    )
    assert laptop.store.resolve("m").path.read_bytes() == model.data
    assert any("banned: 127.0.0.9" in e.source for e in events if isinstance(e, Progress))
    assert laptop.sharing.shares.bans() == ["127.0.0.9"]


@pytest.mark.parametrize(
    ("limit", "reason"), [({"seed_ratio": 0.5}, "times its size"), ({"seed_hours": 1e-5}, "offer")]
)
async def test_the_owners_limits_end_the_seeding(
    tmp_path: Path, laptop: Machine, model: Whole, limit: dict[str, float], reason: str
) -> None:
    async with on(Machine(tmp_path / "m", "127.0.0.2", **limit)) as desk:
        await desk.share(model.path, "m", Audience.LAN)
        peer = (desk.address, await port(desk))
        if "seed_ratio" in limit:
            describing = Source("paired", b"", model.torrent, dies_after=0)
            with contextlib.suppress(NetworkError):  # the limit may be reached before the last byte
                await pulled(
                    laptop.sharing, model.digest, len(model.data), describing,
                    bittorrent_peers=[peer],
                )  # fmt: skip
        await eventually_async(
            lambda: desk.sharing.shares.all()[0].state == "ended", "the limit is reached"
        )
        (share,) = await shares(desk)
        assert reason in share.reason

        async def nothing_listens() -> bool:
            return await port(desk) == 0

        await eventually_async(nothing_listens)
        # Paired peers still get it: what they may have is for grants to say.
        assert desk.sharing.shares.path(model.digest)
        # The owner may say: again.
        await desk.share(model.path, "m", Audience.LAN)
        assert (await shares(desk))[0].state in ("shared", "ended")


async def test_the_rate_for_bittorrent_is_held_on_the_lan_too(
    tmp_path: Path, laptop: Machine, model: Whole
) -> None:
    async with on(Machine(tmp_path / "m", "127.0.0.2", upload_rate="8MB")) as desk:
        await desk.share(model.path, "m", Audience.LAN)
        describing = Source("paired", b"", model.torrent, dies_after=0)
        loop = asyncio.get_running_loop()
        began = loop.time()
        events = await pulled(
            laptop.sharing,
            model.digest,
            len(model.data),
            describing,
            bittorrent_peers=[(desk.address, await port(desk))],
        )
        assert loop.time() - began > 0.6  # 10.4 MB at 8 MB/s
        assert any("127.0.0.2 " in e.source for e in events if isinstance(e, Progress))


# -- when something is wrong ---------------------------------------------------------


async def test_a_model_that_is_removed_is_unshared(desk: Machine, model: Whole) -> None:
    await desk.share(model.path, "m", Audience.LAN)
    desk.store.remove("m")
    await desk.sharing.refresh()
    assert await shares(desk) == []
    assert await port(desk) == 0
    with pytest.raises(NotFound):
        desk.sharing.shares.path(model.digest)


async def test_a_model_that_became_another_is_unshared(
    desk: Machine, model: Whole, tmp_path: Path
) -> None:
    from ...models.weights import Shape, write_model

    await desk.share(model.path, "m")
    desk.store.add_path(write_model(tmp_path / "o.gguf", Shape(layers=1), seed=3), "m")
    await desk.sharing.refresh()
    assert await shares(desk) == []


async def test_a_file_that_vanishes_suspends_its_share_until_it_is_back(
    desk: Machine, model: Whole, tmp_path: Path
) -> None:
    here = tmp_path / "here.gguf"
    here.write_bytes(model.data)
    await desk.share(here, "m")
    away = here.rename(tmp_path / "away.gguf")
    with pytest.raises(StorageError, match="cannot be sent at the moment"):
        desk.sharing.shares.path(model.digest)
    (share,) = await shares(desk)
    assert share.state == "suspended"
    assert "is missing" in share.reason
    assert desk.sharing.shares.offered() == []
    away.rename(here)
    (share,) = await shares(desk)
    assert (share.state, share.reason) == ("shared", "")
    assert desk.sharing.shares.path(model.digest) == here


async def test_a_file_that_rots_is_not_given_and_not_touched(
    desk: Machine, laptop: Machine, model: Whole, tmp_path: Path
) -> None:
    here = tmp_path / "here.gguf"
    here.write_bytes(model.data)
    await desk.share(here, "m", Audience.LAN)
    before = here.stat()
    rotten = bytes(len(model.data) // 2) + model.data[len(model.data) // 2 :]
    here.write_bytes(rotten)
    os.utime(here, ns=(before.st_atime_ns, before.st_mtime_ns))  # as bit rot would leave it
    describing = Source("paired", model.data, model.torrent, rate=6e6)
    await pulled(
        laptop.sharing,
        model.digest,
        len(model.data),
        describing,
        bittorrent_peers=[(desk.address, await port(desk))],
    )
    assert laptop.store.resolve("m").path.read_bytes() == model.data
    await eventually_async(lambda: desk.sharing.shares.all()[0].state == "damaged", "it is noticed")
    assert here.read_bytes() == rotten
    with pytest.raises(StorageError, match="not shared at the moment"):
        desk.sharing.shares.path(model.digest)


async def test_a_full_disk_does_not_end_the_sharing(
    small_disk: Path, model: Whole, tmp_path: Path
) -> None:
    machine = Machine(tmp_path / "m")
    machine.state = small_disk
    async with on(machine):
        pass
    from ingle.peers.swarm import Sharing

    machine.sharing = Sharing(machine.store, machine.settings, small_disk)
    async with on(machine):
        await machine.share(model.path, "m")
        with (
            (small_disk / "ballast").open("wb", buffering=0) as ballast,
            contextlib.suppress(OSError),
        ):
            while ballast.write(bytes(4096)):
                pass
        async for _ in machine.sharing.shares.read(model.digest, 0, 5000):
            pass
        machine.sharing.shares.save()
        assert machine.sharing.shares.all()[0].uploaded == 5000
        (small_disk / "ballast").unlink()
        machine.sharing.shares.save()
    again = Sharing(machine.store, machine.settings, small_disk)
    assert again.shares.all()[0].uploaded == 5000
    await again.close()


async def test_a_port_that_is_taken_is_not_the_end(
    desk: Machine, tmp_path: Path, model: Whole
) -> None:
    await desk.share(model.path, "m", Audience.LAN)
    taken = await port(desk)
    async with on(Machine(tmp_path / "o", share_listen=f"127.0.0.2:{taken}")) as other:
        await other.share(model.path, "m", Audience.LAN)
        assert await port(other) not in (0, taken)


async def test_with_egress_denied_nothing_is_seeded(tmp_path: Path, model: Whole) -> None:
    async with on(Machine(tmp_path / "m", "127.0.0.2")) as machine:
        await machine.share(model.path, "m", Audience.LAN)
    async with on(Machine(tmp_path / "m", "127.0.0.2", egress="deny")) as machine:
        assert await port(machine) == 0
        with pytest.raises(EgressRefused):
            await machine.share(model.path, "m", Audience.PUBLIC)


async def test_what_cannot_be_shared(desk: Machine, model: Whole) -> None:
    with pytest.raises(ModelNotFound):
        [e async for e in desk.sharing.perform(ShareModel(model="nothing"))]
    with pytest.raises(CapabilityMissing):
        [e async for e in desk.sharing.perform(ListModels())]
    with pytest.raises(IntegrityError):
        Metainfo.parse(b"", model.digest)


async def test_stopping_while_a_file_is_read_shares_nothing(desk: Machine, model: Whole) -> None:
    desk.store.add_path(model.path, "m")
    events = desk.sharing.perform(ShareModel(model="m"))
    assert isinstance(await anext(events), Progress)
    await events.aclose()
    assert await shares(desk) == []


# -- models of other formats --------------------------------------------------------


async def test_a_folder_of_another_format_arrives_whole(
    desk: Machine, laptop: Machine, tmp_path: Path, words: Path
) -> None:
    folder = write_words(tmp_path / "small")
    await desk.share(folder, "small")
    (share,) = desk.sharing.shares.offered()
    assert [file.name for file in share.files] == [
        "data/list.txt",
        "data/vocabulary.txt",
        "config.json",
    ]
    await pulled(laptop.sharing, share.digest, 0, Neighbour(desk), files=share.files)
    there, here = desk.store.resolve("small"), laptop.store.resolve("m")
    assert (here.digest, here.facts) == (there.digest, there.facts)
    for file in there.files:
        copied = here.folder / file.name
        assert copied.read_bytes() == (folder / file.name).read_bytes()
    with laptop.store.index.read() as rows:
        assert rows.pins() == {}


async def test_files_of_another_model_do_not_pass_for_it(
    desk: Machine, laptop: Machine, tmp_path: Path, words: Path
) -> None:
    """The same weights with another configuration are another model."""
    await desk.share(write_words(tmp_path / "good"), "good")
    await desk.share(write_words(tmp_path / "bad", licence="evil"), "bad")
    good, bad = (next(s for s in desk.sharing.shares.all() if s.name == n) for n in ("good", "bad"))
    assert good.files[0].digest == bad.files[0].digest
    with pytest.raises(InvalidRequest, match="not the requested model"):
        await pulled(laptop.sharing, good.digest, 0, Neighbour(desk), files=bad.files)
    # What the digest of the first file alone would let pass for GGUF is found out afterwards.
    first = good.files[0].digest
    with pytest.raises(IntegrityError, match="not the model"):
        await pulled(laptop.sharing, first, 0, Neighbour(desk), files=bad.files)
    assert laptop.store.models() == []
    assert list(laptop.store.blobs.all()) == []
    assert list(laptop.store.blobs.views.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [{"name": "../config.json"}, {"name": "data/list.txt"}, {"name": "data"}, {"role": "../x"}],
)
async def test_lists_of_files_that_lead_out_are_refused(
    desk: Machine, laptop: Machine, tmp_path: Path, words: Path, change: dict[str, str]
) -> None:
    await desk.share(write_words(tmp_path / "small"), "small")
    (share,) = desk.sharing.shares.offered()
    files = [*share.files[:-1], msgspec.structs.replace(share.files[-1], **change)]
    neighbour = Neighbour(desk)
    with pytest.raises(InvalidRequest):
        await pulled(laptop.sharing, share.digest, 0, neighbour, files=files)
    assert neighbour.sent == 0


async def test_without_its_format_a_model_is_refused_and_nothing_stays(
    desk: Machine,
    laptop: Machine,
    tmp_path: Path,
    words: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await desk.share(write_words(tmp_path / "small"), "small")
    (share,) = desk.sharing.shares.offered()
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(words)])
    with pytest.raises(BadModelFile, match=r"data/list\.txt: no format recognises it"):
        await pulled(laptop.sharing, share.digest, 0, Neighbour(desk), files=share.files)
    assert list(laptop.store.blobs.all()) == []
