"""Runs on paired devices: examples go there, progress and the adapter come back.

What leaves is written down before it does: the examples, as plain JSONL, and
the request. The other device allows it by a grant of ``train``, keeps the
examples until the run is over, and deletes them then.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import msgspec

from ingle.capabilities.train.operation import (
    PIECE,
    ExamplesReceived,
    FetchRun,
    FilePiece,
    LossPoint,
    RemoveRun,
    SendExamples,
    StopRun,
    Train,
    Trained,
    TrainingNote,
    TrainingProgress,
    TrainingSettings,
)
from ingle.capabilities.train.trainings import Trainings
from ingle.errors import EgressRefused, IngleError, InvalidRequest, NotFound, ProtocolError
from ingle.node.ledger import EgressLedger, Received
from ingle.node.losses import Losses
from ingle.node.node import ask
from ingle.node.runs import LOSSES, PLAN
from ingle.operations import Done, Event
from ingle.peers import grants
from ingle.peers.book import Book, Peer
from ingle.peers.dialer import Dialer
from ingle.peers.granting import Granting
from ingle.peers.session import Session

DATA, CHECKS = "examples.jsonl", "validation.jsonl"
RESULT = ("adapter.gguf", "peft/adapter_model.safetensors", "peft/adapter_config.json")
LARGEST = 16 * 2**30
"""Bytes of a result that are taken from another device."""


class PeerTrainings:
    """Runs that other devices perform for this one.

    Args:
        egress: ``deny``: nothing may leave this device.
    """

    def __init__(
        self,
        trainings: Trainings,
        book: Book,
        dialer: Dialer,
        granting: Granting,
        ledger: EgressLedger,
        egress: str,
    ) -> None:
        self._trainings = trainings
        self._runs = trainings.runs
        self._book = book
        self._dialer = dialer
        self._granting = granting
        self._ledger = ledger
        self._egress = egress

    def place(self, request: Train) -> str:
        """Where a run is to go on: what was asked for, or where it began; empty: here."""
        if request.on not in ("", "local"):
            return request.on
        return self._runs.status(request.name).on if request.resume else ""

    async def train(self, request: Train, place: str) -> AsyncGenerator[Event, None]:
        """As `Trainings.perform` does a `Train`.

        Raises:
            PeerNotFound: no device of that name is paired.
            EgressRefused: nothing may leave this one.
        """
        if self._egress == "deny":
            raise EgressRefused(
                f"{place} is another device, and nothing may leave this one",
                hint="ingle config set egress allow",
            )
        peer = self._book.find(place)
        self._trainings.check_free(request.name)
        if request.resume:
            self._runs.find(request.name)
        else:
            self._begin(request, peer)
        sessions: list[Session] = []

        async def stop(keep: bool) -> None:
            if not sessions:
                raise InvalidRequest("it has not reached the other device yet", field="name")
            await ask(sessions[0].connection, StopRun(name=request.name, keep=keep), Done)

        live = self._trainings.launch(
            request.name, lambda: self._events(request, peer, sessions), stop
        )
        async with aclosing(self._trainings.attended(live, detach=request.detach)) as events:
            async for event in events:
                yield event

    async def remove(self, name: str, place: str) -> str:
        """Have the other device delete its part of a run; one sentence if it could not be asked."""
        try:
            session = await self._dialer.session(self._book.find(place))
            await ask(session.connection, RemoveRun(name=name), Done)
        except NotFound:
            return ""  # it is gone there, or the device is forgotten
        except IngleError as error:
            return f"{place} may still have its part: {error.message}"
        return ""

    def _begin(self, request: Train, peer: Peer) -> None:
        folder = self._runs.begin(request.name, on=peer.name)
        for given, name in ((request.data, DATA), (request.validation, CHECKS)):
            if given:
                shutil.move(given, folder / name)

    def _plan(self, request: Train) -> None:
        """Write down what was asked for. Until the first step there is no run to go on with."""
        folder = self._runs.path(request.name)
        plan = {
            "name": request.name,
            "model": request.model,
            "data": DATA,
            "data_sha256": _sha256(folder / DATA),
            **msgspec.to_builtins(request.settings),
        }
        (folder / PLAN).write_text(json.dumps(plan, indent=1))

    async def _events(
        self, request: Train, peer: Peer, sessions: list[Session]
    ) -> AsyncGenerator[Event, None]:
        yield TrainingNote(text=f"reaching {peer.name}", state="preparing")
        session = await self._dialer.session(peer)
        sessions.append(session)
        held = self._granting.held(peer.key)
        entry = self._ledger.begin(
            to=f"peer:{peer.name}",
            operation="train",
            model=str(self._runs.plan(request.name).get("model", request.model)),
            bytes_out=0,
            grant=grants.read(held[0][-1]).id if len(held) == 1 else "",
        )
        with self._ledger.outcome(entry) as told:
            asked = await self._ready(request, session, told)
            told.bytes_out += len(msgspec.msgpack.encode(asked))
            async with session.connection.perform(asked) as events:
                async for event in events:
                    match event:
                        case TrainingProgress():
                            if not request.resume and event.step == 1:
                                self._plan(request)
                            self._note(request.name, event)
                        case Trained(run=run) if run.state in ("done", "stopped"):
                            yield TrainingNote(text=f"fetching the adapter from {peer.name}")
                            await self._fetch(request.name, session, told)
                            adapter = self._trainings.keep(request.name)
                            event = Trained(run=msgspec.structs.replace(run, adapter=adapter))
                            await ask(session.connection, RemoveRun(name=request.name), Done)
                    if isinstance(event, (TrainingNote, TrainingProgress, Trained)):
                        yield event

    async def _ready(self, request: Train, session: Session, told: Received) -> Train:
        """Send the examples; returns the request as the other device is asked."""
        if request.resume:
            model = str(self._runs.plan(request.name)["model"])
            return Train(
                name=request.name, model=model, resume=True, wait=request.wait,
                settings=TrainingSettings(device=request.settings.device),
            )  # fmt: skip
        folder = self._runs.path(request.name)
        sent = {}
        for field, name in (("data", DATA), ("validation", CHECKS)):
            if (folder / name).exists():
                sent[field] = await _send(session, request.model, folder / name, told)
        return msgspec.structs.replace(request, on="local", detach=False, **sent)

    async def _fetch(self, name: str, session: Session, told: Received) -> None:
        for file in RESULT:
            path = self._runs.path(name) / file
            path.parent.mkdir(exist_ok=True)
            part, size = path.with_suffix(".part"), 0
            request = FetchRun(name=name, file=file)  # type: ignore[arg-type]
            with part.open("wb") as target:
                async with session.connection.perform(request) as events:
                    async for event in events:
                        if not isinstance(event, FilePiece) or event.total > LARGEST:
                            raise ProtocolError(f"{session.name} sent no piece of {file}")
                        size += len(event.data)
                        told.bytes_in += len(event.data)
                        target.write(event.data)
                        if size > event.total:
                            raise ProtocolError(f"{session.name} sends more of {file} than it has")
            part.replace(path)

    def _note(self, name: str, event: TrainingProgress) -> None:
        point = LossPoint(
            step=event.step,
            loss=event.loss,
            rate=event.rate,
            tokens_per_s=round(event.tokens_per_s, 1),
            validation=event.validation,
            reward=event.reward,
        )
        Losses(self._runs.path(name) / LOSSES).note(point)


async def _send(session: Session, model: str, path: Path, told: Received) -> str:
    """Send a file, from where it was cut off; returns what the other device calls it."""
    sha256, size = _sha256(path), path.stat().st_size
    question = SendExamples(model=model, sha256=sha256, size=size)
    offset = (await ask(session.connection, question, ExamplesReceived)).size
    with path.open("rb") as file:
        while offset < size:
            file.seek(offset)
            data = file.read(PIECE)
            piece = SendExamples(model=model, sha256=sha256, size=size, offset=offset, data=data)
            told.bytes_out += len(data)
            there = (await ask(session.connection, piece, ExamplesReceived)).size
            if there != offset + len(data):
                raise ProtocolError(f"{session.name} has {there} bytes, which cannot be")
            offset = there
    return f"upload:{sha256}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
