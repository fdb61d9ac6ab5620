"""Training on paired devices: examples go there, progress and the adapter come back.

Examples leave as plain JSONL. The other device deletes them when the run is over.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec

from ingle.capabilities.jobs.elsewhere import Elsewhere, There
from ingle.capabilities.train.job import keep
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
from ingle.errors import ProtocolError
from ingle.jobs.job import read_object
from ingle.jobs.kind import Work
from ingle.node.node import ask
from ingle.operations import Event, Operation
from ingle.operations.job import JobOperation
from ingle.training.files import LOSSES, PLAN
from ingle.training.losses import Losses

DATA, CHECKS = "examples.jsonl", "validation.jsonl"
RESULT = ("adapter.gguf", "peft/adapter_model.safetensors", "peft/adapter_config.json")
LARGEST = 16 * 2**30
"""Bytes of a result that are taken from another device."""


class TrainingElsewhere(Elsewhere):
    """What a run needs so that another device can do it. Asks only what ingle 0.1 has, too."""

    def note(self, text: str, state: str = "") -> Event:
        return TrainingNote(text=text, state=state)

    def begin(self, work: Work, request: Train) -> None:
        for given, name in ((request.data, DATA), (request.validation, CHECKS)):
            if given:
                shutil.move(given, work.folder / name)

    def model(self, work: Work, request: Train) -> str:
        return str(read_object(work.folder / PLAN).get("model", request.model))

    async def ready(self, there: There, request: Train) -> JobOperation:
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
                rate=event.rate,
                tokens_per_s=round(event.tokens_per_s, 1),
                validation=event.validation,
                reward=event.reward,
            )
            Losses(work.folder / LOSSES).note(point)
        return event

    async def fetch(self, there: There, ended: Event) -> Event:
        assert isinstance(ended, Trained)
        for file in RESULT:
            await _fetch(there, file)
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
        "data_sha256": _sha256(work.folder / DATA),
        **msgspec.to_builtins(request.settings),
    }
    (work.folder / PLAN).write_text(json.dumps(plan, indent=1))


async def _send(there: There, model: str, path: Path) -> str:
    """Send a file, from where it was cut off; returns what the other device calls it."""
    link = there.session.connection
    sha256, size = _sha256(path), path.stat().st_size
    question = SendExamples(model=model, sha256=sha256, size=size)
    offset = (await ask(link, question, ExamplesReceived)).size
    with path.open("rb") as file:
        while offset < size:
            file.seek(offset)
            data = file.read(PIECE)
            piece = SendExamples(model=model, sha256=sha256, size=size, offset=offset, data=data)
            there.told.bytes_out += len(data)
            got = (await ask(link, piece, ExamplesReceived)).size
            if got != offset + len(data):
                raise ProtocolError(f"{there.session.name} has {got} bytes, which cannot be")
            offset = got
    return f"upload:{sha256}"


async def _fetch(there: There, file: Any) -> None:
    """Fetch a file of the result into the run's folder."""
    name = there.session.name
    path = there.work.folder / file
    path.parent.mkdir(exist_ok=True)
    part, size = path.with_suffix(".part"), 0
    request = FetchRun(name=there.work.name, file=file)
    with part.open("wb") as target:
        async with there.session.connection.perform(request) as events:
            async for event in events:
                if not isinstance(event, FilePiece) or event.total > LARGEST:
                    raise ProtocolError(f"{name} sent no piece of {file}")
                size += len(event.data)
                there.told.bytes_in += len(event.data)
                target.write(event.data)
                if size > event.total:
                    raise ProtocolError(f"{name} sends more of {file} than it has")
    part.replace(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


ELSEWHERE = TrainingElsewhere("train")
