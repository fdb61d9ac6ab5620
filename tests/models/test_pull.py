from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ingle.capabilities.store.operation import Pull
from ingle.errors import (
    BadModelFile,
    DiskFull,
    EgressRefused,
    IntegrityError,
    InvalidRequest,
    ModelNotFound,
    NetworkError,
    Unauthorized,
)
from ingle.models import Store
from ingle.models.pull import pull
from ingle.operations import Progress
from tests.disks import fill as fill_disk
from tests.waiting import eventually_async

from .hub import FileServer
from .pulling import IMPATIENT, MIB, assert_whole, progress_of, pulled, sha256
from .weights import Shape, write_model


def test_a_url_is_fetched_in_parts_and_verified(
    store: Store, server: FileServer, weights: bytes
) -> None:
    url = server.add("/models/Some Model-Q4_K_M.gguf", weights).replace(" ", "%20")
    summary = pulled(store, Pull(model=url, sha256=sha256(weights)))
    assert summary.name == "Some-Model-Q4_K_M"
    assert summary.source == url
    assert_whole(store, summary.name, weights)
    assert server.sent == len(weights) + 1
    assert len([1 for _, headers in server.requests if "range" in headers]) > 20
    assert all(headers["accept-encoding"] == "identity" for _, headers in server.requests)


def test_the_same_version_of_a_url_is_not_fetched_again(
    store: Store, server: FileServer, weights: bytes
) -> None:
    url = server.add("/m.gguf", weights)
    pulled(store, Pull(model="one", source=url))
    sent = server.sent
    pulled(store, Pull(model="two", source=url))
    assert server.sent == sent + 1
    assert_whole(store, "two", weights)
    store.remove("one")
    store.remove("two")
    pulled(store, Pull(model="three", source=url))
    assert_whole(store, "three", weights)


@pytest.mark.parametrize("length", [True, False])
def test_a_server_without_ranges(
    store: Store, server: FileServer, weights: bytes, length: bool
) -> None:
    url = server.add("/m.gguf", weights, ranges=False, length=length, etag="")
    pulled(store, Pull(model="m", source=url))
    store.prune(partials=True)
    assert_whole(store, "m", weights)


def test_a_stream_without_ranges_begins_again_when_it_breaks(
    store: Store, server: FileServer, weights: bytes
) -> None:
    url = server.add("/m.gguf", weights, ranges=False, cuts=2, cut_after=MIB)
    pulled(store, Pull(model="m", source=url))
    assert_whole(store, "m", weights)


def test_broken_connections_go_on_where_they_broke(
    store: Store, server: FileServer, weights: bytes
) -> None:
    url = server.add("/m.gguf", weights, cuts=20, cut_after=100_000)
    pulled(store, Pull(model="m", source=url))
    assert_whole(store, "m", weights)
    assert server.sent < len(weights) * 1.2


def test_passing_failures_are_tried_again(store: Store, server: FileServer, weights: bytes) -> None:
    url = server.add("/m.gguf", weights, failures=[503, 500, 429])
    pulled(store, Pull(model="m", source=url))
    assert_whole(store, "m", weights)


def test_a_stalled_connection_is_given_up_and_tried_again(
    store: Store, server: FileServer, weights: bytes
) -> None:
    url = server.add("/m.gguf", weights, stall=1)
    pulled(store, Pull(model="m", source=url))
    assert_whole(store, "m", weights)


def test_a_source_that_keeps_breaking_leaves_a_partial_that_resumes(
    store: Store, server: FileServer, weights: bytes
) -> None:
    url = server.add("/m.gguf", weights)
    server.files["/m.gguf"].failures = [0] * 20 + [503] * 1000
    with pytest.raises(NetworkError, match="gave up") as caught:
        pulled(store, Pull(model="m", source=url))
    assert "resumes" in caught.value.hint
    sent = server.sent
    assert sent > MIB
    assert store.disk_usage().partial > MIB
    server.files["/m.gguf"].failures = []
    pulled(store, Pull(model="m", source=url))
    assert_whole(store, "m", weights)
    assert server.sent < len(weights) + MIB


def test_a_file_that_changed_is_fetched_anew(
    store: Store, server: FileServer, weights: bytes, tmp_path: Path
) -> None:
    url = server.add("/m.gguf", weights)
    server.files["/m.gguf"].failures = [0] * 20 + [503] * 1000
    with pytest.raises(NetworkError):
        pulled(store, Pull(model="m", source=url))
    other = write_model(tmp_path / "x.gguf", Shape(layers=5, embedding=256), seed=9).read_bytes()
    server.add("/m.gguf", other, etag='"two"')
    pulled(store, Pull(model="m", source=url))
    assert_whole(store, "m", other)


def test_a_file_that_changes_meanwhile_is_fetched_anew(
    store: Store, server: FileServer, weights: bytes
) -> None:
    url = server.add("/m.gguf", weights, piece_s=0.001)

    async def run() -> list[Progress]:
        told = []
        async for event in pull(store, Pull(model="m", source=url), IMPATIENT):
            if isinstance(event, Progress):
                told.append(event)
                if event.completed and server.files["/m.gguf"].etag == '"one"':
                    server.add("/m.gguf", weights, etag='"two"')
        return told

    told = asyncio.run(run())
    assert_whole(store, "m", weights)
    assert server.files["/m.gguf"].etag == '"two"'
    counts = [event.completed for event in told if event.stage == "downloading"]
    assert counts == sorted(counts)


@pytest.mark.parametrize("ranges", [True, False])
def test_wrong_bytes_are_refused_and_deleted(
    store: Store, server: FileServer, weights: bytes, ranges: bool
) -> None:
    url = server.add("/m.gguf", weights[:-1] + b"!", ranges=ranges)
    with pytest.raises(IntegrityError, match="sent the wrong bytes"):
        pulled(store, Pull(model="m", source=url, sha256=sha256(weights)))
    assert list(store.blobs.partial.iterdir()) == []
    assert list(store.blobs.all()) == []
    assert store.models() == []


def test_right_bytes_that_are_no_model_are_refused_and_deleted(
    store: Store, server: FileServer
) -> None:
    url = server.add("/m.gguf", b"<html>not here</html>")
    with pytest.raises(BadModelFile, match="not a GGUF file"):
        pulled(store, Pull(model="m", source=url))
    assert list(store.blobs.all()) == []
    assert list(store.blobs.partial.iterdir()) == []


def test_refusals_of_the_server_are_told_as_what_they_are(
    store: Store, server: FileServer, weights: bytes
) -> None:
    with pytest.raises(ModelNotFound, match="404"):
        pulled(store, Pull(model=f"{server.url}/nothing.gguf"))
    url = server.add("/secret.gguf", weights, failures=[401])
    with pytest.raises(Unauthorized):
        pulled(store, Pull(model=url))
    with pytest.raises(NetworkError, match="gave up after 4 attempts"):
        pulled(store, Pull(model="http://127.0.0.1:9/x.gguf"))


def test_progress_tells_bytes_rate_and_source(
    store: Store, server: FileServer, weights: bytes
) -> None:
    url = server.add("/m.gguf", weights, piece_s=0.003)
    told = progress_of(store, Pull(model="m", source=url))
    assert told[0].stage == "resolving"
    assert told[-1].stage == "done"
    assert told[-1].digest == f"sha256:{sha256(weights)}"
    going = [event for event in told if event.stage == "downloading" and event.rate]
    assert going
    assert all(0 < event.completed <= event.total == len(weights) for event in going)
    assert going[0].eta > 0
    assert going[0].source == server.url.removeprefix("http://")


def test_egress_denied(store: Store, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGLE_EGRESS", "deny")
    for source in ("https://example.com/m.gguf", "hf.co/owner/repo"):
        with pytest.raises(EgressRefused):
            pulled(store, Pull(model="m", source=source))
    with pytest.raises(ModelNotFound):  # loopback is this device
        pulled(store, Pull(model="m", source=f"{server.url}/m.gguf"))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "source", ["http://", "ftp://host/x", "https://[::1/x.gguf", "../a\0b", "a b", "hf.co/owner"]
)
def test_bad_sources(store: Store, source: str) -> None:
    with pytest.raises(InvalidRequest):
        pulled(store, Pull(model="m", source=source))


@pytest.mark.parametrize("end", ["aclose", "cancel"])
def test_stopping_leaves_a_partial_that_resumes(
    store: Store, server: FileServer, weights: bytes, end: str
) -> None:
    url = server.add("/m.gguf", weights, piece_s=0.005)

    async def stop() -> None:
        events = pull(store, Pull(model="m", source=url), IMPATIENT)
        if end == "aclose":
            async for event in events:
                if isinstance(event, Progress) and event.completed > MIB:
                    await events.aclose()
            return

        async def consume() -> None:
            async for _ in events:
                pass

        task = asyncio.create_task(consume())
        await eventually_async(lambda: server.sent >= 2 * MIB)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stop())
    sent = server.sent
    assert MIB < sent < len(weights)
    (part,) = store.blobs.partial.glob("*.part")
    with store.blobs.lock(part.name.split(".")[0]).tried() as free:
        assert free
    server.files["/m.gguf"].piece_s = 0
    pulled(store, Pull(model="m", source=url))
    assert_whole(store, "m", weights)
    assert server.sent < len(weights) + 2 * MIB


def test_a_full_disk_is_noticed_before_the_start(
    small_disk: Path, server: FileServer, weights: bytes
) -> None:
    store = Store(small_disk / "store")
    url = server.add("/m.gguf", weights)
    with pytest.raises(DiskFull, match="MiB free"):
        pulled(store, Pull(model="m", source=url))
    assert server.sent == 1


def test_a_disk_that_fills_up_keeps_what_arrived(
    small_disk: Path, server: FileServer, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingle.models.blobs.HEADROOM", 0)
    store = Store(small_disk / "store")
    url = server.add("/m.gguf", weights, piece_s=0.002)
    ballast = small_disk / "ballast"

    async def fill() -> None:
        async for event in pull(store, Pull(model="m", source=url), IMPATIENT):
            if isinstance(event, Progress) and event.completed > MIB and not ballast.exists():
                fill_disk(small_disk)

    with pytest.raises(DiskFull, match="partial download is kept") as caught:
        asyncio.run(fill())
    assert "pull again" in caught.value.hint
    sent = server.sent
    assert store.disk_usage().partial > MIB
    ballast.unlink()
    pulled(store, Pull(model="m", source=url))
    assert_whole(store, "m", weights)
    assert server.sent - sent < len(weights) - MIB // 2


def test_a_path_is_linked_with_progress(store: Store, tmp_path: Path, weights: bytes) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(weights)
    told = progress_of(store, Pull(model=str(path)))
    assert told[-1].stage == "done"
    model = store.resolve("mine")
    assert model.linked
    assert model.path == path
