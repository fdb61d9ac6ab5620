"""Training on paired devices: examples go there, progress and the adapter come back.

Examples leave as plain JSONL. The other device deletes them when the run is over.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import msgspec

from ingle.capabilities.jobs.peer_jobs import JobHost, PeerJobKind
from ingle.capabilities.train import run_details
from ingle.capabilities.train.operation import (
    ListRunFiles,
    LossPoint,
    RemoveRun,
    RunFiles,
    StopRun,
    Train,
    Trained,
    TrainingNote,
    TrainingProgress,
    TrainingSettings,
)
from ingle.capabilities.train.peer_runs import PREFIX
from ingle.capabilities.train.training_job import keep
from ingle.errors import ProtocolError
from ingle.jobs.kind import Work
from ingle.models.digest import hex_of_file
from ingle.node import transfers
from ingle.node.node import ask
from ingle.operations import Event, Operation
from ingle.operations.job_events import JobOperation
from ingle.training.files import LOSSES, PLAN, RESULT
from ingle.training.loss_log import LossLog

DATA, CHECKS = "examples.jsonl", "validation.jsonl"
LARGEST = 16 * 2**30
"""Bytes of a result that are taken from another device."""


class PeerTraining(PeerJobKind):
    """What a run needs so that another device can do it: its examples go as blobs."""

    def note(self, text: str, state: str = "") -> Event:
        return TrainingNote(text=text, state=state)

    def begin(self, work: Work, request: Train) -> None:
        for given, name in ((request.data, DATA), (request.validation, CHECKS)):
            if given:
                shutil.move(given, work.folder / name)

    def model(self, work: Work, request: Train) -> str:
        return str(run_details.plan_of(work.folder).get("model", request.model))

    async def ready(self, there: JobHost, request: Train) -> JobOperation:
        folder = there.work.folder
        if request.resume:
            return Train(
                name=request.name, model=self.model(there.work, request), resume=True,
                wait=request.wait, settings=TrainingSettings(device=request.settings.device),
            )  # fmt: skip
        sent = {}
        for field, name in (("data", DATA), ("validation", CHECKS)):
            if (folder / name).exists():
                sent[field] = await _send(there, request.model, folder / name)
        return msgspec.structs.replace(request, on="local", detach=False, **sent)

    def heard(self, work: Work, request: Train, event: Event) -> Event:
        if isinstance(event, TrainingProgress):
            if not work.resumed and event.step == 1:
                _plan(work, request)
            point = LossPoint(
                step=event.step,
                loss=event.loss,
                learning_rate=event.learning_rate,
                tokens_per_s=round(event.tokens_per_s, 1),
                validation=event.validation,
                reward=event.reward,
            )
            LossLog(work.folder / LOSSES).note(point)
        return event

    async def fetch(self, there: JobHost, ended: Event) -> Event:
        assert isinstance(ended, Trained)
        link = there.session.connection
        for file in (await ask(link, ListRunFiles(name=there.work.name), RunFiles)).files:
            if file.name not in RESULT or file.size > LARGEST:
                raise ProtocolError(
                    f"{there.session.name} sends {file.name!r}, of {file.size} bytes"
                )
            target = there.work.folder / file.name
            await transfers.fetch(link, file, target, capability="train", told=there.received)
        adapter = keep(there.work.node, there.work.folder)
        return Trained(run=msgspec.structs.replace(ended.run, adapter=adapter))

    def stop(self, name: str, *, keep: bool) -> Operation:
        return StopRun(name=name, keep=keep)

    def remove(self, name: str) -> Operation:
        return RemoveRun(name=name)


def _plan(work: Work, request: Train) -> None:
    """Write down what was asked for. Until the first step there is no run to be resumed."""
    plan = {
        "name": request.name,
        "model": request.model,
        "data": DATA,
        "data_sha256": hex_of_file(work.folder / DATA),
        **msgspec.to_builtins(request.settings),
    }
    (work.folder / PLAN).write_text(json.dumps(plan, indent=1))


async def _send(there: JobHost, model: str, path: Path) -> str:
    """Send a file, from where it was cut off; returns what the other device calls it."""
    blob = await asyncio.to_thread(transfers.described, path)
    await transfers.send(
        there.session.connection, path, blob, capability="train", model=model, told=there.sent
    )
    return f"{PREFIX}{blob.sha256}"


PEER_TRAINING = PeerTraining("train")
