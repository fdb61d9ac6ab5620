"""`PeerJobs`: jobs on paired devices. What they need goes there, their results come back.

What leaves is written down before it does. The other device allows it by a grant of the
job's capability, keeps what was sent until the job is over, and deletes it then.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from ingle.capabilities.jobs.operation import RemoveJob, StopJob
from ingle.errors import CapabilityMissing, EgressRefused, IngleError, InvalidRequest, NotFound
from ingle.jobs.job import Job
from ingle.jobs.jobs import Jobs
from ingle.jobs.kind import JobKind, Work, kinds
from ingle.jobs.running import RunningJob
from ingle.node.ledger import EgressLedger, ReceivedBytes
from ingle.node.node import ask
from ingle.operations import Done, Event, Operation, operation_name
from ingle.operations.capability import load
from ingle.operations.job_events import JobEnded, JobNote, JobOperation
from ingle.peers import grants
from ingle.peers.address_book import AddressBook, Peer
from ingle.peers.dialer import Dialer
from ingle.peers.grant_store import GrantStore
from ingle.peers.peer_session import PeerSession
from ingle.protocol.frames import packed


@dataclasses.dataclass(frozen=True)
class JobHost:
    """The device that does a job.

    Args:
        told: the ledger's entry; what is sent and received is added to it.
    """

    session: PeerSession
    work: Work
    told: ReceivedBytes

    def sent(self, size: int) -> None:
        """This many bytes were sent."""
        self.told.bytes_out += size

    def received(self, size: int) -> None:
        """This many bytes have come."""
        self.told.bytes_in += size


class PeerJobKind:
    """What a kind of job adds, so that another device can do it. As it is here, nothing but the
    request goes there and nothing but events comes back.

    Args:
        capability: that it belongs to.
    """

    def __init__(self, capability: str) -> None:
        self.capability = capability

    def note(self, text: str, state: str = "") -> Event:
        """Tells those who follow the job something."""
        return JobNote(text=text, state=state)

    def begin(self, work: Work, request: Any) -> None:
        """A new job has a folder: keep there what will be sent."""

    def model(self, work: Work, request: Any) -> str:
        """The model that the ledger names."""
        return str(getattr(request, "model", ""))

    async def ready(self, there: JobHost, request: Any) -> JobOperation:
        """Send what the job needs; returns the request as the other device is asked."""
        ready: JobOperation = msgspec.structs.replace(
            request, on="local", detach=False, resume=there.work.resumed
        )
        return ready

    def heard(self, work: Work, request: Any, event: Event) -> Event:
        """An event has come from there; returns it as it is told here."""
        return event

    async def fetch(self, there: JobHost, ended: Event) -> Event:
        """It is over there: fetch its results; returns its last event as it is told here."""
        return ended

    def stop(self, name: str, *, keep: bool) -> Operation:
        """What has the other device stop it."""
        return StopJob(name=name, keep=keep, capability=self.capability)

    def remove(self, name: str) -> Operation:
        """What has the other device delete its part."""
        return RemoveJob(name=name, capability=self.capability)


class PeerJobs:
    """Jobs that other devices do for this one.

    Args:
        egress: ``deny``: nothing may leave this device.
    """

    def __init__(
        self,
        address_book: AddressBook,
        dialer: Dialer,
        grant_store: GrantStore,
        ledger: EgressLedger,
        egress: str,
    ) -> None:
        self._address_book = address_book
        self._dialer = dialer
        self._grant_store = grant_store
        self._ledger = ledger
        self._egress = egress

    async def start(
        self, jobs: Jobs, kind: JobKind, request: JobOperation, place: str
    ) -> RunningJob:
        """As `Jobs.start`, on another device.

        Raises:
            PeerNotFound: no device of that name is paired.
            EgressRefused: nothing may leave this one.
            CapabilityMissing: such jobs are not done elsewhere.
        """
        part = _part(kind)
        if self._egress == "deny":
            raise EgressRefused(
                f"{place} is another device, and egress is denied",
                hint="ingle config set egress allow",
            )
        peer = self._address_book.find(place)
        if request.resume:
            where = jobs.find(request.name, kind).status.on
            if where != peer.name:
                raise InvalidRequest(
                    f"{request.name} was started on {where or 'this device'}; resume it there",
                    hint=f"{kind.commands.resume} {request.name}", field="on",
                )  # fmt: skip

        async def start(work: Work, asked: Any) -> AsyncGenerator[Event, None]:
            return self._events(kind, part, work, asked, peer)

        return await jobs.start(kind, request, start, on=peer.name)

    async def remove(self, job: Job) -> str:
        """Have the other device delete its part of a job; one sentence if it could not be asked."""
        kind = kinds().get(job.kind)
        place = job.status.on
        try:
            if kind is None:
                raise CapabilityMissing(f"the kind {job.kind!r} is not installed")
            session = await self._dialer.session(self._address_book.find(place))
            await ask(session.connection, _part(kind).remove(job.name), Done)
        except NotFound:
            return ""  # it is gone there, or the device was removed
        except IngleError as error:
            return f"{place} may still have its part: {error.message}"
        return ""

    async def _events(
        self, kind: JobKind, part: PeerJobKind, work: Work, request: Any, peer: Peer
    ) -> AsyncGenerator[Event, None]:
        if not work.resumed:
            part.begin(work, request)
        yield part.note(f"reaching {peer.name}", "preparing")
        session = await self._dialer.session(peer)

        async def stop(keep: bool) -> None:
            await ask(session.connection, part.stop(work.name, keep=keep), Done)

        held = self._grant_store.held(peer.key)
        entry = self._ledger.begin(
            to=f"peer:{peer.name}",
            operation=operation_name(request),
            model=part.model(work, request),
            bytes_out=0,
            grant=grants.read(held[0][-1]).id if len(held) == 1 else "",
        )
        with self._ledger.outcome(entry) as told:
            there = JobHost(session, work, told)
            asked = await part.ready(there, request)
            told.bytes_out += len(packed(asked))
            async with session.connection.perform(asked) as events:
                work.stoppable(stop)
                async for event in events:
                    heard = kind.heard(event)
                    if heard is None:
                        continue
                    if isinstance(heard, JobEnded) and heard.job.state in ("done", "stopped"):
                        yield part.note(f"fetching the results from {peer.name}")
                        event = await part.fetch(there, event)
                        await ask(session.connection, part.remove(work.name), Done)
                    yield part.heard(work, request, event)


def _part(kind: JobKind) -> PeerJobKind:
    """What a kind adds for other devices. Raises CapabilityMissing: nothing; it stays here."""
    if not kind.on_peers:
        raise CapabilityMissing(
            f"a {kind.noun} of the kind {kind.name} can only run on this device",
            hint="the same command without --on", capability=kind.name,
        )  # fmt: skip
    part: PeerJobKind = load(kind.on_peers)
    return part
