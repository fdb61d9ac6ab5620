"""`TrlJob`: what ingle tells the processes that train with TRL, as a file of JSON.

Read in TRL's environment, so nothing but the standard library is imported here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, NamedTuple

EVENTS, STOP, RESULT, CHECKPOINTS = "events", "stop", "result", "checkpoints"
"""In a job's folder: the pipe of progress, a file that asks to stop, what came out, and
moments to continue from."""
DONE = "place.json"
"""Last file of a result and of a checkpoint: it is whole, and of which step it is."""
PAIRS, PAIRS_APART = "pairs.jsonl", "pairs-apart.jsonl"
"""In a run's folder: pairs of answers as tokens, and those that are set apart to check on."""


class TrlJob(NamedTuple):
    """One run."""

    folder: str
    """For all that TRL writes; the run's own is the one above it."""
    name: str
    base: str
    """A Hugging Face folder."""
    gguf: str
    """The file that it was made of; its tokeniser is read from there."""
    data_sha256: str
    method: Literal["sft", "dpo", "grpo"]
    end: int
    """The token that ends a turn."""
    full: bool
    lora_rank: int
    lora_alpha: float
    target_modules: tuple[str, ...]
    """Matrices that get an adapter, as transformers calls them."""
    lora_dropout: float
    use_rslora: bool
    learning_rate: float
    lr_scheduler_type: Literal["constant", "linear", "cosine"]
    warmup_steps: int
    warmup_ratio: float
    epochs: float
    max_steps: int
    micro: int
    """Rows, pairs or answers that a process works on at once."""
    accumulation: int
    """How many times, before a step is made."""
    max_length: int
    packing: bool
    """Rows are of as many whole examples as fit; else each is one, padded."""
    weight_decay: float
    max_grad_norm: float
    seed: int
    bfloat16: bool
    cpu: bool
    eval_every: int
    save_every: int
    """Steps between checkpoints; 0: by the clock."""
    early_stopping_patience: int
    best: bool
    """The moment of the best check is what comes back, not the last one."""
    beta: float
    reward_funcs: tuple[str, ...]
    num_generations: int
    temperature: float
    max_completion_length: int
    nnodes: int
    sharded: bool
    """Weights, gradients and moments are shared out by FSDP2."""
    resume: str
    """A checkpoint to continue from."""

    @property
    def run(self) -> Path:
        """The run's folder; the data lies there."""
        return Path(self.folder).parent

    def write(self, path: Path) -> None:
        """Keep it as a file."""
        path.write_text(json.dumps(self._asdict(), indent=1))

    @classmethod
    def read(cls, path: Path) -> TrlJob:
        """The job of a file."""
        found = json.loads(path.read_bytes())
        for name in ("target_modules", "reward_funcs"):
            found[name] = tuple(found[name])
        return cls(**found)
