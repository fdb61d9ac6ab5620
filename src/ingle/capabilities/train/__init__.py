"""Training: a model's own adapter from a person's examples or rewards."""

from __future__ import annotations

from ingle.capabilities.train.cost import COST
from ingle.capabilities.train.operation import (
    ExamplesReceived,
    FetchRun,
    FilePiece,
    FollowRun,
    ListRunFiles,
    RemoveRun,
    RunFiles,
    SendExamples,
    StopRun,
    Train,
    Trained,
    TrainingNote,
    TrainingProgress,
)
from ingle.operations import Done, Status, TryingPath
from ingle.operations.capability import Capability, Command, Grantable

CAPABILITY = Capability(
    name="train",
    version=4,
    summary="Train an adapter on examples or rewards.",
    operations=(
        Train, FollowRun, StopRun, RemoveRun, ListRunFiles, SendExamples, FetchRun,
    ),
    events=(
        TrainingNote, TrainingProgress, Trained, Done, RunFiles, ExamplesReceived, FilePiece,
        TryingPath, Status,
    ),
    permission=Grantable(),
    cost=COST,
    performer="ingle.capabilities.train.performer:perform",
    job="ingle.capabilities.train.training_job:KIND",
    commands={
        "train": Command(
            "ingle.capabilities.train.cli.train:train_command",
            "Fine-tune a model on your own examples (LoRA).",
        )
    },
    methods="ingle.capabilities.train.client:TrainMethods",
)  # fmt: skip
