"""Pulls from sources that are good, bad, lost, or not what they say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingle.capabilities.store.operation import Pulled
from ingle.errors import (
    BadModelFile,
    DiskFull,
    EgressRefused,
    IntegrityError,
    InvalidRequest,
    NetworkError,
)
from ingle.models import Store
from ingle.operations import Progress
from ingle.peers.swarm.share_database import SharedFile

from .conftest import Machine, Whole, on
from .pulling import pulled
from .serving import MIB, Source, describe, digest_of, noise

pytestmark = pytest.mark.anyio


@pytest.fixture
async def laptop(tmp_path: Path) -> AsyncIterator[Machine]:
    async with on(Machine(tmp_path / "laptop")) as machine:
        yield machine


def source(model: Whole, name: str = "desk", data: bytes = b"", **more: object) -> Source:
    return Source(name, data or model.data, model.torrent, **more)  # type: ignore[arg-type]


def assert_whole(machine: Machine, model: Whole, name: str = "m") -> None:
    found = machine.store.resolve(name)
    assert found.digest == model.digest
    assert found.path.read_bytes() == model.data
    assert list(machine.store.blobs.partial.iterdir()) == []
    with machine.store.index.read() as rows:
        assert rows.pins() == {}


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# -- good sources ---------------------------------------------------------------


async def test_from_one(laptop: Machine, model: Whole) -> None:
    desk = source(model)
    events = await pulled(laptop.sharing, model.digest, len(model.data), desk)
    assert_whole(laptop, model)
    assert isinstance(events[-1], Pulled)
    assert events[-1].model.source == "desk"
    told = [event for event in events if isinstance(event, Progress)]
    assert told[0].stage == "resolving"
    assert told[-1].stage == "done"
    assert [p.completed for p in told] == sorted(p.completed for p in told)
    assert desk.sent < 1.1 * len(model.data)


async def test_from_three_at_once_and_it_says_from_whom(laptop: Machine, model: Whole) -> None:
    names = ("desk", "shed", "attic")
    sources = [source(model, name, rate=6e6) for name in names]
    events = await pulled(laptop.sharing, model.digest, len(model.data), *sources)
    assert_whole(laptop, model)
    assert all(s.sent > len(model.data) / 10 for s in sources)
    lines = [event.source for event in events if isinstance(event, Progress)]
    assert any(all(f"{name} " in line for name in names) and "MB/s" in line for line in lines)


async def test_without_knowing_the_size(laptop: Machine, model: Whole) -> None:
    await pulled(laptop.sharing, model.digest, 0, source(model))
    assert_whole(laptop, model)


async def test_what_is_here_already_is_not_asked_for(laptop: Machine, model: Whole) -> None:
    await pulled(laptop.sharing, model.digest, len(model.data), source(model))
    again = source(model)
    await pulled(laptop.sharing, model.digest, len(model.data), again)
    assert (again.reads, again.asked) == (0, 0)


async def test_a_file_of_one_piece(laptop: Machine, tmp_path: Path) -> None:
    from ...models.weights import write_model

    data = write_model(tmp_path / "small.gguf").read_bytes()
    assert len(data) < 256 << 10
    torrent = describe(tmp_path, data).encode()
    await pulled(laptop.sharing, digest_of(data), len(data), Source("desk", data, torrent))
    assert laptop.store.resolve("m").path.read_bytes() == data


async def test_all_shards_come(laptop: Machine, tmp_path: Path) -> None:
    from ...models.weights import write_shards

    datas = [path.read_bytes() for path in write_shards(tmp_path)]
    torrents = {digest_of(data): describe(tmp_path, data).encode() for data in datas}
    by_digest = {digest_of(data): data for data in datas}

    class Shards(Source):
        async def torrent(self, digest: str) -> bytes:
            return torrents[digest]

        async def read(self, digest: str, start: int, end: int) -> AsyncIterator[bytes]:
            yield by_digest[digest][start:end]

    files = [
        SharedFile(digest=digest, name=f"s{number}.gguf", size=len(data), role="weights")
        for number, (digest, data) in enumerate(by_digest.items())
    ]
    desk = Shards("desk", b"")
    await pulled(laptop.sharing, files[0].digest, 0, desk, files=files)
    found = laptop.store.resolve("m")
    assert [file.digest for file in found.files] == list(by_digest)


async def test_two_pulls_share_one_download(laptop: Machine, model: Whole) -> None:
    desk = source(model, rate=20e6)
    await asyncio.gather(
        *(pulled(laptop.sharing, model.digest, len(model.data), desk) for _ in range(3))
    )
    assert desk.sent < 1.1 * len(model.data)
    assert_whole(laptop, model)


async def test_two_nodes_with_one_store_share_one_download(
    laptop: Machine, model: Whole, tmp_path: Path
) -> None:
    other = Machine(tmp_path / "other", store=Store(laptop.store.root))
    async with on(other):
        desk = source(model, rate=20e6)
        await asyncio.gather(
            *(pulled(m.sharing, model.digest, len(model.data), desk) for m in (laptop, other))
        )
    assert desk.sent < 1.1 * len(model.data)
    assert_whole(laptop, model)


# -- losses ---------------------------------------------------------------------


async def test_a_source_lost_in_the_middle_is_made_up_for(laptop: Machine, model: Whole) -> None:
    shed = source(model, "shed", rate=8e6, dies_after=2 * MIB)
    await pulled(laptop.sharing, model.digest, len(model.data), source(model, rate=8e6), shed)
    assert_whole(laptop, model)
    assert shed.sent >= 2 * MIB


async def test_a_source_that_falls_silent_is_made_up_for(laptop: Machine, model: Whole) -> None:
    shed = source(model, "shed")
    shed.gate.clear()
    await pulled(laptop.sharing, model.digest, len(model.data), source(model), shed)
    assert_whole(laptop, model)


async def test_all_sources_lost_says_how_far_it_came_and_resumes(
    laptop: Machine, model: Whole
) -> None:
    desk = source(model, dies_after=4 * MIB)
    with pytest.raises(NetworkError, match=r"the connection is lost.*% of m is here") as lost:
        await pulled(laptop.sharing, model.digest, len(model.data), desk)
    assert "resumes" in lost.value.hint
    assert not isinstance(lost.value, IntegrityError)
    assert laptop.store.disk_usage().partial > 2 * MIB
    back = source(model)
    await pulled(laptop.sharing, model.digest, len(model.data), back)
    assert_whole(laptop, model)
    assert back.sent < len(model.data) - 2 * MIB


async def test_with_nobody_there(laptop: Machine, model: Whole) -> None:
    with pytest.raises(NetworkError, match="desk: cannot describe it"):
        await pulled(laptop.sharing, model.digest, 0, Source("desk", model.data))
    with pytest.raises(NetworkError, match="no source can describe"):
        await pulled(laptop.sharing, model.digest, 0)
    assert list(laptop.store.blobs.partial.iterdir()) == []


async def test_stopping_keeps_what_has_arrived(laptop: Machine, model: Whole) -> None:
    desk = source(model, rate=10e6)
    pull = laptop.sharing.pull("m", model.digest, len(model.data), [desk])
    async with contextlib.aclosing(pull) as events:
        async for event in events:
            if isinstance(event, Progress) and event.completed > 3 * MIB:
                break
    assert laptop.store.disk_usage().partial > 2 * MIB
    sent = desk.sent
    await pulled(laptop.sharing, model.digest, len(model.data), desk)
    assert_whole(laptop, model)
    assert desk.sent - sent < len(model.data) - 2 * MIB


async def test_prune_frees_a_partial_that_nobody_works_on(laptop: Machine, model: Whole) -> None:
    desk = source(model, rate=10e6)
    async with contextlib.aclosing(
        laptop.sharing.pull("m", model.digest, len(model.data), [desk])
    ) as events:
        async for event in events:
            if isinstance(event, Progress) and event.completed > 2 * MIB:
                assert laptop.store.prune(partials=True).files == []
                break
    assert laptop.store.prune(partials=True).bytes > MIB
    assert list(laptop.store.blobs.partial.iterdir()) == []


async def test_a_partial_that_rotted_is_repaired(laptop: Machine, model: Whole) -> None:
    with pytest.raises(NetworkError):
        await pulled(
            laptop.sharing, model.digest, len(model.data), source(model, dies_after=6 * MIB)
        )
    (partial,) = laptop.store.blobs.partial.glob("*.swarm")
    held = partial.read_bytes()
    at = next(n for n in range(0, len(held), 4096) if any(held[n : n + 64]))
    with partial.open("r+b") as file:
        file.seek(at)
        file.write(bytes(byte ^ 255 for byte in held[at : at + 64]))
    await pulled(laptop.sharing, model.digest, len(model.data), source(model))
    assert_whole(laptop, model)


@pytest.mark.parametrize(
    "rubbish", [b"", b"d", b"l" * 100_000, b"\xff" * 100], ids=["empty", "short", "deep", "noise"]
)
async def test_rubbish_beside_a_partial_costs_only_that(
    laptop: Machine, model: Whole, rubbish: bytes
) -> None:
    with pytest.raises(NetworkError):
        await pulled(laptop.sharing, model.digest, len(model.data), source(model, dies_after=MIB))
    for kind in ("resume", "torrent"):
        for path in laptop.store.blobs.partial.glob(f"*.{kind}"):
            path.write_bytes(rubbish)
    await pulled(laptop.sharing, model.digest, len(model.data), source(model))
    assert_whole(laptop, model)


# -- liars ----------------------------------------------------------------------


async def test_every_piece_wrong(laptop: Machine, model: Whole) -> None:
    liar = source(model, "liar", bytes(len(model.data)), rate=10e6)
    desk = source(model, rate=10e6)
    events = await pulled(laptop.sharing, model.digest, len(model.data), liar, desk)
    assert_whole(laptop, model)
    assert liar.sent < 3 * MIB
    assert any("banned: liar" in e.source for e in events if isinstance(e, Progress))


async def test_one_bit_wrong(laptop: Machine, model: Whole) -> None:
    wrong = flipped(model.data, 5_000_000)
    liar = source(model, "liar", wrong)
    desk = source(model, rate=4e6)  # slow, so that the liar is asked for that piece
    await pulled(laptop.sharing, model.digest, len(model.data), liar, desk)
    assert_whole(laptop, model)


@pytest.mark.parametrize("kind", ["every piece", "one bit"])
async def test_a_liar_alone_is_named(laptop: Machine, model: Whole, kind: str) -> None:
    data = bytes(len(model.data)) if kind == "every piece" else flipped(model.data, 5_000_000)
    with pytest.raises(IntegrityError, match="liar sent wrong bytes") as caught:
        await pulled(laptop.sharing, model.digest, len(model.data), source(model, "liar", data))
    assert caught.value.details["sources"] == ["liar"]
    assert not laptop.store.blobs.has(model.digest)
    honest = source(model)
    await pulled(laptop.sharing, model.digest, len(model.data), honest)
    assert_whole(laptop, model)


def another(model: Whole, tmp_path: Path) -> tuple[bytes, bytes]:
    """Another file of the same length, and its metainfo under the name of the model."""
    data = noise(len(model.data), seed=9)
    made = describe(tmp_path, data).encode()
    return data, made.replace(digest_of(data)[7:].encode(), model.digest[7:].encode())


async def test_the_metainfo_of_another_file_is_found_out(
    laptop: Machine, model: Whole, tmp_path: Path
) -> None:
    data, torrent = another(model, tmp_path)
    with pytest.raises(IntegrityError, match=r"what liar offers .* is a different file"):
        await pulled(laptop.sharing, model.digest, len(data), Source("liar", data, torrent))
    assert list(laptop.store.blobs.partial.iterdir()) == []
    assert not laptop.store.blobs.has(model.digest)


async def test_liars_in_the_majority_cost_only_time(
    laptop: Machine, model: Whole, tmp_path: Path
) -> None:
    data, torrent = another(model, tmp_path)
    liars = [Source(f"liar{number}", data, torrent) for number in range(2)]
    desk = source(model)
    await pulled(laptop.sharing, model.digest, len(data), *liars, desk)
    assert_whole(laptop, model)
    assert desk.sent < 1.1 * len(model.data)


async def test_a_metainfo_that_is_none_is_passed_over(laptop: Machine, model: Whole) -> None:
    bad = Source("bad", model.data, b"d4:info" * 1000)
    desk = source(model)
    await pulled(laptop.sharing, model.digest, len(model.data), bad, desk)
    assert_whole(laptop, model)
    with pytest.raises(IntegrityError, match="bad: received an invalid metainfo"):
        await pulled(laptop.sharing, digest_of(b"x"), 0, bad)


async def test_bytes_that_are_no_model(laptop: Machine, tmp_path: Path) -> None:
    data = noise(MIB)
    torrent = describe(tmp_path, data).encode()
    with pytest.raises(BadModelFile):
        await pulled(laptop.sharing, digest_of(data), len(data), Source("desk", data, torrent))
    assert not laptop.store.blobs.has(digest_of(data))


@pytest.mark.parametrize(
    "digest", ["", "sha256:", "sha256:../../x", "sha256:" + "0" * 63, "sha256:" + "G" * 64, "md5:0"]
)
async def test_what_is_no_digest_never_becomes_a_path(laptop: Machine, digest: str) -> None:
    with pytest.raises(InvalidRequest, match="not a valid digest"):
        await pulled(laptop.sharing, digest, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"size": 0},
        {"size": 1 << 50},
        {"role": "../x"},
        {"name": "a\n\x1b[31m"},
        {"name": "a" * 256},
    ],
)
async def test_a_strangers_list_of_files_is_checked(
    laptop: Machine, model: Whole, change: dict[str, object]
) -> None:
    fields = {"digest": model.digest, "name": "m.gguf", "size": 5, "role": "weights", **change}
    with pytest.raises(InvalidRequest):
        await pulled(laptop.sharing, model.digest, 0, files=[SharedFile(**fields)])  # type: ignore[arg-type]


async def test_with_egress_denied_nobody_is_asked(model: Whole, tmp_path: Path) -> None:
    async with on(Machine(tmp_path / "m", egress="deny")) as machine:
        desk = source(model)
        with pytest.raises(EgressRefused):
            await pulled(machine.sharing, model.digest, 0, desk)
        assert (desk.asked, desk.reads) == (0, 0)


# -- the disk --------------------------------------------------------------------


async def test_a_disk_that_is_too_small_is_noticed_before(
    small_disk: Path, model: Whole, tmp_path: Path
) -> None:
    async with on(Machine(small_disk)) as machine:
        desk = source(model)
        with pytest.raises(DiskFull):
            await pulled(machine.sharing, model.digest, len(model.data), desk)
        assert desk.reads == 0


async def test_a_disk_that_fills_up_in_the_middle(
    small_disk: Path, model: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on(Machine(small_disk)) as machine:
        monkeypatch.setattr(machine.store.blobs, "require_room", lambda _size: None)
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(26 * MIB))
        with pytest.raises(DiskFull, match="partial download is kept"):
            await pulled(machine.sharing, model.digest, len(model.data), source(model))
        ballast.unlink()
        desk = source(model)
        await pulled(machine.sharing, model.digest, len(model.data), desk)
        assert_whole(machine, model)


# -- other ways ------------------------------------------------------------------


async def test_plain_web_servers_help(laptop: Machine, model: Whole) -> None:
    from ...models.hub import FileServer

    with FileServer() as server:
        url = server.add("/m.gguf", model.data)
        gone = url.replace("m.gguf", "gone.gguf")
        desk = source(model, rate=4e6)
        events = await pulled(
            laptop.sharing, model.digest, len(model.data), desk, url_seeds=[url, gone]
        )
        assert server.sent > len(model.data) / 4
    assert_whole(laptop, model)
    assert any("127.0.0.1" in e.source for e in events if isinstance(e, Progress))


async def test_a_web_server_with_another_file_is_banned(laptop: Machine, model: Whole) -> None:
    from ...models.hub import FileServer

    with FileServer() as server:
        url = server.add("/m.gguf", bytes(len(model.data)))
        await pulled(
            laptop.sharing,
            model.digest,
            len(model.data),
            source(model, rate=8e6),
            url_seeds=[url],
        )
    assert_whole(laptop, model)


async def test_a_fast_liar_gets_no_honest_source_banned(laptop: Machine, model: Whole) -> None:
    liar = source(model, "liar", bytes(len(model.data)))
    honest = [source(model, name, rate=8e6) for name in ("desk", "shed")]
    events = await pulled(laptop.sharing, model.digest, len(model.data), liar, *honest)
    assert_whole(laptop, model)
    lines = [event.source for event in events if isinstance(event, Progress)]
    assert {line.partition("banned: ")[2] for line in lines} <= {"", "liar"}
