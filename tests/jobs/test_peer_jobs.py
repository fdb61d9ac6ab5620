"""A plug-in's job on a paired device, by nothing but what every kind has."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ingle.capabilities.jobs.operation import (
    FollowJob,
    JobDetails,
    JobList,
    ListJobs,
    PauseJob,
    RemoveJob,
    ResumeJob,
    ShowJob,
    StopJob,
)
from ingle.capabilities.node.operation import Ledger, LedgerPage
from ingle.capabilities.peers.operation import GrantPeer, Grants, ListPeers, Peers
from ingle.errors import GrantRefused, InvalidRequest, PeerNotFound, RunNotFound
from ingle.node.node import ask
from ingle.operations import Done
from ingle.operations.job_events import JobSummary
from ingle.peers.peered_node import PeeredNode
from tests.jobs.test_jobs import ENDLESS, count
from tests.jobs.watched import Watched
from tests.peers.devices import drain
from tests.peers.test_real_links import nodes, pair
from tests.waiting import eventually_async

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


async def grant(giver: PeeredNode, *capabilities: str) -> None:
    (peer,) = (await ask(giver, ListPeers(), Peers)).peers
    await ask(giver, GrantPeer(peer=peer.name, capabilities=list(capabilities)), Grants)


async def jobs(node: PeeredNode) -> list[JobSummary]:
    return (await ask(node, ListJobs(), JobList)).jobs


async def job(node: PeeredNode, name: str) -> JobSummary:
    return (await ask(node, ShowJob(name=name), JobDetails)).job


async def test_it_is_done_there_paused_resumed_and_removed(tmp_path: Path, counting: Path) -> None:
    async with nodes(tmp_path, "phone", "desk") as (phone, desk):
        await pair(phone, desk)
        with pytest.raises(GrantRefused, match="count"):
            await drain(phone, count(name="refused", to=ENDLESS, on="desk"))
        assert await jobs(desk) == []
        await grant(desk, "count")
        begun = Watched(phone, count(name="afar", to=ENDLESS, on="desk"))
        await begun.reaches(3)
        assert begun.told[0] == "reaching desk"
        (there,) = await jobs(desk)
        assert there.name.startswith("guest-")
        assert there.name.endswith("-afar")
        assert (await job(phone, "afar")).on == "desk"
        await ask(phone, PauseJob(name="afar"), Done)
        paused = (await begun.ended()).job
        assert (paused.name, paused.state) == ("afar", "paused")
        assert (await jobs(desk))[0].state == "paused"
        with pytest.raises(PeerNotFound):
            await drain(phone, count(name="afar", resume=True, on="laptop"))
        here = Watched(phone, count(name="here", to=ENDLESS))
        await here.reaches(1)
        await ask(phone, PauseJob(name="here"), Done)
        with pytest.raises(InvalidRequest, match="started on this device"):
            await drain(phone, count(name="here", resume=True, on="desk"))
        await ask(phone, RemoveJob(name="here"), Done)
        again = Watched(phone, ResumeJob(name="afar"))
        await again.reaches(paused.done + 1)
        again.task.cancel()  # who leaves has it paused there, too
        await asyncio.gather(again.task, return_exceptions=True)

        async def stopped() -> bool:
            there, here = (await jobs(desk))[0], await job(phone, "afar")
            return "running" not in (there.state, here.state)

        await eventually_async(stopped)
        assert (await jobs(desk))[0].state == "paused"
        assert (await job(phone, "afar")).state == "paused"
        assert "deleted" in (await ask(phone, RemoveJob(name="afar"), Done)).message
        assert await jobs(desk) == await jobs(phone) == []
        entries = (await ask(phone, Ledger(to="peer:desk"), LedgerPage)).entries
        assert {entry.operation for entry in entries} >= {"count"}


async def test_its_end_comes_back_and_nothing_stays_there(tmp_path: Path, counting: Path) -> None:
    async with nodes(tmp_path, "phone", "desk") as (phone, desk):
        await pair(phone, desk)
        await grant(desk, "count")
        done = (await Watched(phone, count(name="ten", to=10, on="desk")).ended()).job
        assert (done.name, done.state, done.done) == ("ten", "done", 10)
        assert done.results == {"number": "10"}
        assert await jobs(desk) == []


async def test_a_guest_reaches_only_jobs_of_its_own(tmp_path: Path, counting: Path) -> None:
    async with nodes(tmp_path, "phone", "desk") as (phone, desk):
        await pair(phone, desk)
        await grant(desk, "count")
        secret = Watched(desk, count(name="secret", to=ENDLESS))
        await secret.reaches(1)
        mine = Watched(phone, count(name="mine", to=ENDLESS, on="desk"))
        await mine.reaches(1)
        peer = phone.peer_service.address_book.find("desk")
        link = (await phone.peer_service.dialer.session(peer)).connection
        for name, capability, error in (
            ("secret", "count", RunNotFound),  # the owner's
            ("mine", "train", GrantRefused),  # not granted
            ("mine", "", GrantRefused),
        ):
            for kind in (FollowJob, StopJob, RemoveJob):
                asked: Any = kind(name=name, capability=capability)
                with pytest.raises(error):
                    await drain(link, asked)
        await grant(desk, "count", "nap")
        with pytest.raises(RunNotFound):  # granted, and of another kind
            await drain(link, StopJob(name="mine", capability="nap"))
        for owners in (ListJobs(), ShowJob(name="mine"), PauseJob(name="mine"),
                       ResumeJob(name="mine")):  # fmt: skip
            with pytest.raises(GrantRefused, match="reserved to the owner"):
                await drain(link, owners)
        follower = Watched(link, FollowJob(name="mine", capability="count"))
        await follower.reaches(3)
        await ask(link, StopJob(name="mine", capability="count"), Done)
        assert (await follower.ended()).job.state == "stopped"
        assert (await mine.ended()).job.state == "stopped"
        assert (await job(desk, "secret")).state == "running"
