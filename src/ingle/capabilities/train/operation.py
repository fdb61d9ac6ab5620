"""What can be asked about training: a run, its progress, and the runs that are here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from ingle.capabilities.train import aliases, backends
from ingle.capabilities.train.settings import TrainingSettings as TrainingSettings
from ingle.errors import InvalidRequest
from ingle.operations.blob import Blob
from ingle.operations.guest_rules import Costless, GrantedModel, NodeLimit, Tallied
from ingle.operations.job_events import OWN_JOB, JobName, JobOperation
from ingle.operations.operation import Event, Operation

RunName = JobName
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
ResultFile = Literal["adapter.gguf", "peft/adapter_model.safetensors", "peft/adapter_config.json"]
PIECE = 1 << 20
"""Bytes of a file that travel in one event or operation."""

SENT = NodeLimit("the quota of blobs of each device: a guest can only name what it has sent")


class Train(JobOperation, frozen=True, kw_only=True, tag="train"):
    """Train a LoRA adapter, or resume a run.

    `TrainingNote` and `TrainingProgress` events, then one `Trained`. The run's name is also that
    of the adapter that it makes. When it is resumed nothing else counts but ``settings.device``.
    """

    model: Annotated[str, GrantedModel()] = ""
    """The base. Empty when a run is resumed."""
    data: Annotated[str, SENT] = ""
    """A file or folder on the node's disk, or the name of a cached data set."""
    split: Annotated[str, SENT] = ""
    columns: Annotated[str, SENT] = ""
    """``NAME=COLUMN,...`` where columns have other names."""
    validation: Annotated[str, SENT] = ""
    """Data to check on."""
    settings: Annotated[TrainingSettings, Tallied()] = TrainingSettings()
    wait: Annotated[bool, Costless("it only waits, and leaves with the caller")] = False
    """Wait while another run uses the device, instead of being refused."""

    def check(self) -> None:
        if self.resume:
            self._check_resumed()
            return
        backends.check(self.settings)
        if self.settings.backend != "ingle" and self.on not in ("", "local"):
            raise InvalidRequest(
                "TRL can only be started on this device; its nodes are set with --nnodes",
                hint="the same command without --on",
                field="on",
            )
        if self.settings.reward_funcs and self.on not in ("", "local"):
            raise InvalidRequest(
                "a run with rewards can only run on this device, which evaluates them",
                hint="the same command without --on",
                field="on",
            )

    def needs(self) -> dict[str, int]:
        added = aliases.given(self.settings, aliases.ADDED)
        return {name: aliases.ADDED[name] for name in added}

    def to_wire(self) -> dict[str, Any]:
        fields: dict[str, Any] = msgspec.to_builtins(self)
        if "settings" in fields:
            fields["settings"] = aliases.on_the_wire(self.settings)
        return fields

    @classmethod
    def from_wire(cls, fields: dict[str, Any]) -> dict[str, Any]:
        return aliases.current_request(fields)

    def _check_resumed(self) -> None:
        for field in ("data", "split", "columns", "validation"):
            if getattr(self, field):
                raise InvalidRequest(
                    f"{field}: a resumed run keeps its training data",
                    hint="leave it out",
                    field=field,
                )
        backends.check_resumed(self.settings)


class RunSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run, as ``ingle runs`` lists it."""

    name: str
    model: str = ""
    state: str = ""
    """``preparing``, ``waiting`` (for the device), ``running``, ``paused``, ``stopped`` (for
    good), ``done``, ``failed``, ``interrupted`` (its process was killed)."""
    step: int = 0
    steps: int = 0
    loss: float | None = None
    validation: float | None = None
    """The last one."""
    best: float | None = None
    """The lowest validation loss, and its step."""
    best_step: int = 0
    changed: float = 0.0
    """Unix time."""
    device: str = ""
    on: str = ""
    """The paired device that does it; empty: this one."""
    adapter: str = ""
    """What its adapter is called in the store."""
    made: str = ""
    """What the model that it made is called there, if it trained all of it."""
    error: str = ""
    hint: str = ""
    folder: str = ""


class TrainingNote(Event, frozen=True, kw_only=True, tag="training_note"):
    """Something worth knowing, in one sentence: what the data is, what it will need."""

    text: str
    state: str = ""
    """The run's state from now on, if it changes; as in `RunSummary`."""


class TrainingProgress(Event, frozen=True, kw_only=True, tag="training"):
    """After a step."""

    step: int
    steps: int
    loss: float
    """Mean of the supervised tokens, in nats."""
    learning_rate: float = msgspec.field(name="rate")
    """``rate`` on the wire, where names are never changed."""
    tokens_per_s: float
    left_s: float
    tokens: int = 0
    """Tokens of this step."""
    validation: float | None = None
    """Mean loss of the validation rows, after some steps; with rewards, minus their mean on the
    prompts set apart."""
    reward: float | None = None
    """Mean reward of the answers that this step sampled."""

    @property
    def rate(self) -> float:
        """The old name of ``learning_rate``, until 1.0."""
        return self.learning_rate


class Trained(Event, frozen=True, kw_only=True, tag="trained"):
    """The run has ended; ``run.state`` says how."""

    run: RunSummary


class LossPoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a run's curve."""

    step: int
    loss: float
    learning_rate: float = msgspec.field(name="rate", default=0.0)
    """``rate`` on the wire, where names are never changed; in files it is called as here."""
    tokens_per_s: float = 0.0
    validation: float | None = None
    reward: float | None = None

    @property
    def rate(self) -> float:
        """The old name of ``learning_rate``, until 1.0."""
        return self.learning_rate

    def named(self) -> dict[str, Any]:
        """As plain data with the names of here, for files and people's programs."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return {"learning_rate" if name == "rate" else name: v for name, v in fields.items()}

    @classmethod
    def of(cls, fields: dict[str, Any]) -> LossPoint:
        """The opposite, also of what older versions wrote.

        Raises:
            msgspec.ValidationError: it is not a point.
        """
        names = {"rate" if name == "learning_rate" else name: v for name, v in fields.items()}
        return msgspec.convert(names, cls)


class FollowRun(Operation, frozen=True, kw_only=True, tag="follow_run"):
    """The events of a running one, from its last ones, as `Train` sends them.

    Leaving it does not stop the run.
    """

    name: Annotated[RunName, OWN_JOB]


class StopRun(Operation, frozen=True, kw_only=True, tag="stop_run"):
    """Have a run save and stop; it can be resumed. One `Done`, when it has stopped."""

    name: Annotated[RunName, OWN_JOB]
    keep: Annotated[bool, OWN_JOB] = False
    """Its adapter, as it is, goes into the store."""


class RemoveRun(Operation, frozen=True, kw_only=True, tag="remove_run"):
    """Delete a run's folder. Its adapters in the store stay. One `Done`."""

    name: Annotated[RunName, OWN_JOB]


class SendExamples(Operation, frozen=True, kw_only=True, tag="send_examples"):
    """A piece of a JSONL file, as ingle 0.1 sends it: a blob now. One `ExamplesReceived`.

    Without data it only asks how much is there already.
    """

    model: Annotated[str, GrantedModel()] = ""
    """What is to be trained with it: checked before any of it is taken."""
    sha256: Annotated[Sha256, SENT]
    """Of the whole file."""
    size: Annotated[int, msgspec.Meta(ge=1, le=2**40), SENT]
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**40), SENT] = 0
    data: Annotated[bytes, msgspec.Meta(max_length=PIECE), SENT] = b""


class ExamplesReceived(Event, frozen=True, kw_only=True, tag="examples_received"):
    """How many bytes are there."""

    size: int


class ListRunFiles(Operation, frozen=True, kw_only=True, tag="list_run_files"):
    """Make the files of a run's result blobs of the caller's, who may then get them.

    One `RunFiles`.
    """

    since = 2

    name: Annotated[RunName, OWN_JOB]


class RunFiles(Event, frozen=True, kw_only=True, tag="run_files"):
    """What a run has made so far."""

    files: list[Blob]


class FetchRun(Operation, frozen=True, kw_only=True, tag="fetch_run"):
    """A file of a run's result, as ingle 0.1 fetches it: a blob now. `FilePiece` events."""

    name: Annotated[RunName, OWN_JOB]
    file: Annotated[
        Literal["adapter.gguf", "peft/adapter_model.safetensors", "peft/adapter_config.json"],
        OWN_JOB,
    ]


class FilePiece(Event, frozen=True, kw_only=True, tag="file_piece"):
    """Some bytes of a file."""

    data: bytes
    total: int
    """Bytes of the whole file."""


class TrainingJob(msgspec.Struct, frozen=True, kw_only=True):
    """What a node tells the process that trains. No operation: it never leaves the machine."""

    request: Train
    folder: str
    """Of the run."""
    locks: str
    """Folder of the devices' locks."""
    model: str
    digest: str
    base: str
    """Path of the base's file."""
    template: str = ""
    """The base's chat template, where it is not that of its file."""
    keep_only: bool = False
    """Do not train; only write the adapter as it is."""
    cache: str = ""
    """A folder that is kept from run to run."""
    python: str = ""
    """Of the environment that has TRL, if that trains."""
    readable: tuple[str, ...] = ()
    """Folders of that environment."""
    network: bool = False
    """Other nodes take part."""
    loopback: bool = False
    """It is several processes, which meet by TCP."""
