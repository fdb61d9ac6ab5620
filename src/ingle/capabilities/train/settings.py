"""How a run is trained: what can be set, within which bounds."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)]


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an adapter is trained. Never changes once a run has begun."""

    rank: Annotated[int, msgspec.Meta(ge=1)] = 16
    alpha: Annotated[float, msgspec.Meta(ge=0.0)] = 0.0
    """Strength of the adapter; 0: twice the rank."""
    targets: tuple[str, ...] = ()
    """Matrices that get an adapter (``attn_q``, ...); empty: all."""
    rank_stabilised: bool = False
    dropout: Share = 0.0
    rate: Annotated[float, msgspec.Meta(ge=0.0)] = 2e-4
    """The highest learning rate."""
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    warm_up: Annotated[int, msgspec.Meta(ge=0)] = 10
    """Steps."""
    epochs: Annotated[float, msgspec.Meta(gt=0.0)] = 3.0
    steps: Annotated[int, msgspec.Meta(ge=0)] = 0
    """0: as many as the epochs take."""
    rows: Annotated[int, msgspec.Meta(ge=1)] = 8
    """Rows of a step."""
    micro_rows: Annotated[int, msgspec.Meta(ge=1)] = 4
    """Rows that are worked on at once."""
    sequence: Annotated[int, msgspec.Meta(ge=8)] = 512
    """Tokens of a row."""
    decay: Annotated[float, msgspec.Meta(ge=0.0)] = 0.0
    clip: Annotated[float, msgspec.Meta(ge=0.0)] = 1.0
    eight_bit_moments: bool = False
    """The optimiser's moments in 8 bits (Dettmers et al. 2022): a quarter of their memory."""
    seed: int = 0
    device: str = ""
    """One, or several of a kind: ``cuda:0,cuda:1``; ``cuda``: all of them. Empty: the fastest."""
    check_every: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Steps between two looks at the validation rows; 0: ten looks in all."""
    patience: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Looks without a better validation loss after which it ends; 0: it goes to its end."""
    rewards: Annotated[tuple[str, ...], msgspec.Meta(max_length=16)] = ()
    """What sampled answers are worth (`ingle.training.reinforcement.rewards`); Empty: the
    examples' answers are learnt. With rewards, ``rows`` are prompts of a step."""
    group: Annotated[int, msgspec.Meta(ge=2, le=256)] = 8
    """Answers that are sampled to each prompt."""
    temperature: Annotated[float, msgspec.Meta(gt=0.0, le=10.0)] = 1.0
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] = 256
    """Of a sampled answer."""
    slots: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    """Answers that are sampled at once; 0: as many as it pays. Only with 1 are answers the same
    each time: which are computed together changes their last digits."""
    keep: Literal["best", "last"] = "best"
    """Which moment becomes the adapter: that of the best validation loss, or the last."""
    backend: Literal["ingle", "trl"] = "ingle"
    """``trl``: TRL does it, in an environment of its own."""
    method: Literal["", "sft", "dpo", "grpo"] = ""
    """What is learnt from: answers, pairs of a better and a worse one, rewards. Empty: rewards
    if there are any, else answers."""
    full: bool = False
    """Train the whole model, not an adapter."""
    beta: Annotated[float, msgspec.Meta(ge=0.0)] = 0.1
    """With ``dpo``: how dear it is to move away from the base."""
    processes: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 1
    """Of this node, one for each graphics device."""
    nodes: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 1
    node_rank: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Which of the nodes this one is, from 0."""
    address: str = ""
    """``HOST:PORT`` where the first node is found by the others."""

    @property
    def learns(self) -> str:
        """The method: ``sft``, ``dpo`` or ``grpo``."""
        return self.method or ("grpo" if self.rewards else "sft")

    @property
    def answers(self) -> int:
        """What a step works on: rows, pairs, or sampled answers."""
        return self.rows * self.group if self.learns == "grpo" else self.rows
