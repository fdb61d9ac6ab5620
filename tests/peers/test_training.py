"""A run on a paired device: its data goes only under a grant, its adapter comes back."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingle.capabilities.node.operation import Ledger, LedgerPage
from ingle.capabilities.peers.operation import (
    GrantInfo,
    GrantPeer,
    Grants,
    ListGrants,
    ListPeers,
    Peers,
    RevokeGrant,
)
from ingle.capabilities.runs.operation import ListRuns, RunList, ShowRun
from ingle.capabilities.train import peer_runs
from ingle.capabilities.train.operation import (
    PIECE,
    ExamplesReceived,
    FetchRun,
    RemoveRun,
    SendExamples,
    StopRun,
    Train,
    Trained,
    TrainingProgress,
    TrainingSettings,
)
from ingle.capabilities.train.request import ready_to_send, training_request
from ingle.errors import (
    GrantExhausted,
    GrantRefused,
    IntegrityError,
    InvalidRequest,
    PeerLost,
    Refused,
    RunNotFound,
)
from ingle.node.node import ask
from ingle.node.node_blobs import NodeBlobs
from ingle.operations import Done, Event
from ingle.peers.peered_node import PeeredNode
from tests.peers.devices import drain
from tests.peers.test_real_links import nodes, pair
from tests.training.models import write_base
from tests.waiting import eventually_async

pytestmark = [pytest.mark.extras, pytest.mark.anyio, pytest.mark.timeout(240)]
SMALL = {
    "lora_rank": 2,
    "max_length": 16,
    "batch_size": 2,
    "learning_rate": 1e-2,
    "warmup_steps": 1,
    "max_steps": 4,
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "letters.csv"
    rows = "".join(f"{chr(97 + n) * 3},{chr(98 + n) * 3}\n" for n in range(24))
    path.write_text(f"question,answer\n{rows}")
    return path


def request(node: PeeredNode, data: Path, **options: Any) -> Train:
    columns = "prompt=question,completion=answer"
    settings = {**SMALL, "columns": columns, "on": "desk", **options}
    return ready_to_send(
        training_request("tiny", str(data), "letters", settings), node.local.settings
    )


async def grant(giver: PeeredNode, **bounds: Any) -> GrantInfo:
    (peer,) = (await ask(giver, ListPeers(), Peers)).peers
    return (await ask(giver, GrantPeer(peer=peer.name, **bounds), Grants)).grants[0]


async def trained(node: PeeredNode, wanted: Train) -> list[Event]:
    events = await drain(node, wanted)
    assert isinstance(events[-1], Trained)
    return events


async def test_data_goes_under_a_grant_and_the_adapter_comes_back(
    tmp_path: Path, data: Path
) -> None:
    async with nodes(tmp_path, "phone", "desk") as (phone, desk):
        base = write_base(tmp_path / "tiny.gguf", kind="Q8_0")
        desk.local.store.add_path(base, "tiny")
        await pair(phone, desk)
        wanted = request(phone, data)
        with pytest.raises(GrantRefused, match="train") as refused:
            await drain(phone, wanted)
        assert "--capabilities train" in refused.value.hint
        assert desk.local.blobs.size() == 0
        await grant(desk, capabilities=["train"], models=["other"])
        with pytest.raises(GrantRefused, match="the model tiny"):
            await drain(phone, request(phone, data))
        assert desk.local.blobs.size() == 0
        await grant(desk, capabilities=["train"], models=["tiny"])

        events = await trained(phone, request(phone, data))
        steps = [event for event in events if isinstance(event, TrainingProgress)]
        assert [event.step for event in steps] == [1, 2, 3, 4]
        run = events[-1].run  # type: ignore[attr-defined]
        assert (run.state, run.on, run.adapter) == ("done", "desk", "letters:1")
        adapter = phone.local.store.resolve_adapter("letters")
        assert desk.local.store.adapters() == []
        folder = Path(run.folder)
        assert (folder / "peft" / "adapter_model.safetensors").stat().st_size > 1000
        details = await ask(phone, ShowRun(name="letters"), type(await _details(phone)))
        assert [point.loss for point in details.losses] == [event.loss for event in steps]

        # What left is written down, with its bytes, and nothing of it is left there.
        sent = (folder / "examples.jsonl").stat().st_size
        entries = (await ask(phone, Ledger(to="peer:desk"), LedgerPage)).entries
        entry = next(e for e in entries if e.operation == "train" and e.outcome == "done")
        assert entry.model == "tiny"
        # Which of several grants counts a run is not said; this device names one if it knows one.
        given = (await ask(desk, ListGrants(), Grants)).grants
        assert entry.grant in {"", *(each.id for each in given)}
        assert sent < entry.bytes_out < sent + 2000
        assert entry.bytes_in >= adapter.size
        assert (await ask(desk, ListRuns(), RunList)).runs == []
        assert desk.local.blobs.size() == 0
        assert not (tmp_path / "phone" / "outgoing" / "letters.jsonl").exists()


async def until_paused(node: PeeredNode) -> None:
    """A run whose caller has left saves first; wait for it."""

    async def saved() -> bool:
        return (await ask(node, ListRuns(), RunList)).runs[0].state != "running"

    await eventually_async(saved)


async def _details(node: PeeredNode) -> Any:
    (event,) = await drain(node, ShowRun(name="letters"))
    return event


async def test_it_is_stopped_from_afar_and_continues(tmp_path: Path, data: Path) -> None:
    async with nodes(tmp_path, "phone", "desk") as (phone, desk):
        desk.local.store.add_path(write_base(tmp_path / "tiny.gguf", kind="Q8_0"), "tiny")
        await pair(phone, desk)
        given = await grant(desk, capabilities=["train"])
        steps: list[int] = []

        async def stop_after(wanted: Train, count: int, stop: Any) -> Event:
            last: Event | None = None
            stopping: list[asyncio.Future[None]] = []
            async with phone.perform(wanted) as events:
                async for event in events:
                    last = event
                    if isinstance(event, TrainingProgress):
                        steps.append(event.step)
                        if event.step == count:
                            stopping.append(asyncio.ensure_future(stop()))
            await asyncio.gather(*stopping)
            assert last is not None
            return last

        async def ask_stop() -> None:
            await ask(phone, StopRun(name="letters"), Done)

        ended = await stop_after(request(phone, data, max_steps=1_000_000), 3, ask_stop)
        assert isinstance(ended, Trained)
        assert ended.run.state == "paused"
        (there,) = (await ask(desk, ListRuns(), RunList)).runs
        assert there.name.startswith("guest-")
        assert there.state == "paused"

        async def take_back() -> None:
            await ask(desk, RevokeGrant(grant=given.id), Done)

        before = steps[-1]
        with pytest.raises((GrantRefused, PeerLost), match="was revoked"):
            await stop_after(Train(name="letters", resume=True), before + 2, take_back)
        assert steps[-1] > before
        with pytest.raises(GrantRefused):
            await drain(phone, Train(name="letters", resume=True))
        await until_paused(desk)
        await grant(desk, capabilities=["train"], tokens_per_day=60)
        with pytest.raises(GrantExhausted, match="is used up"):
            await drain(phone, Train(name="letters", resume=True))
        await until_paused(desk)
        await grant(desk, capabilities=["train"])
        removed = await drain(phone, RemoveRun(name="letters"))
        assert "deleted" in removed[-1].message  # type: ignore[attr-defined]
        assert (await ask(desk, ListRuns(), RunList)).runs == []


async def test_a_guest_reaches_nothing_but_its_own(tmp_path: Path, data: Path) -> None:
    async with nodes(tmp_path, "phone", "desk") as (phone, desk):
        desk.local.store.add_path(write_base(tmp_path / "tiny.gguf", kind="Q8_0"), "tiny")
        own = request(desk, data, on="")
        own = msgspec.structs.replace(own, name="secret")
        await trained(desk, own)
        await pair(phone, desk)
        await grant(desk, capabilities=["train"])
        peer = phone.peer_service.address_book.find("desk")
        link = (await phone.peer_service.dialer.session(peer)).connection
        with pytest.raises(RunNotFound):
            await drain(link, FetchRun(name="secret", file="adapter.gguf"))
        with pytest.raises(RunNotFound):
            await drain(link, RemoveRun(name="secret"))
        with pytest.raises(GrantRefused):
            await drain(link, ShowRun(name="secret"))
        for reward in ("python:/tmp/check.py:score", "0.5*python:/tmp/check.py:score", "json"):
            judged = TrainingSettings(reward_funcs=(reward,))
            with pytest.raises(Refused, match="rewards"):
                await drain(link, Train(name="mine", model="tiny", settings=judged))
        handed = TrainingSettings(backend="trl", nnodes=2, rdzv_endpoint="10.0.0.1:29500")
        with pytest.raises(Refused, match="cannot start TRL runs"):
            await drain(link, Train(name="mine", model="tiny", settings=handed))
        for path in (str(data), "upload:../../secret", f"upload:{'0' * 64}"):
            with pytest.raises(InvalidRequest):
                await drain(link, Train(name="mine", model="tiny", data=path))


def test_what_ingle_01_sends_becomes_a_blob(tmp_path: Path) -> None:
    blobs, principal = NodeBlobs(tmp_path), "ab" * 32
    content = json.dumps({"text": "a" * 10}).encode()
    sha256, size = hashlib.sha256(content).hexdigest(), len(content)

    def send(offset: int, data: bytes, **more: Any) -> ExamplesReceived:
        fields = {"sha256": sha256, "size": size, "offset": offset, "data": data, **more}
        return peer_runs.take(blobs, principal, SendExamples(**fields))

    assert send(0, b"").size == 0
    assert send(0, content[:5]).size == 5
    assert send(0, b"").size == 5  # where it was cut off
    with pytest.raises(InvalidRequest, match="does not fit"):
        send(4, content[4:])
    with pytest.raises(InvalidRequest, match="announced"):
        send(5, content[5:] + b"!")
    with pytest.raises(IntegrityError):
        send(5, b"x" * (size - 5))
    assert send(0, content).size == size
    assert send(0, b"").size == size
    wanted = Train(name="a", data=f"upload:{sha256}")
    with peer_runs.sent(blobs, principal, wanted, tmp_path) as request:
        assert Path(request.data).read_bytes() == content
    assert not Path(request.data).exists()
    with pytest.raises(InvalidRequest, match="not arrived"):
        peer_runs.check_sent(blobs, "cd" * 32, wanted)
    with pytest.raises(InvalidRequest):
        send(0, b"x" * (PIECE + 1))
