"""How a run is trained: what can be set, within which bounds, by the names that TRL, transformers,
PEFT and torchrun have for it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ingle.capabilities.train import modules

Share = Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)]


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an adapter is trained. Never changes once a run has begun."""

    lora_rank: Annotated[int, msgspec.Meta(ge=1)] = 16
    lora_alpha: Annotated[float, msgspec.Meta(ge=0.0)] = 0.0
    """Strength of the adapter; 0: twice the rank."""
    target_modules: tuple[str, ...] = ()
    """Matrices that get an adapter, by the names of GGUF (``attn_q``) or of transformers
    (``q_proj``); empty, or ``all-linear``: all."""
    use_rslora: bool = False
    """Scale by the root of the rank (Kalajdzievski 2023), not by the rank."""
    lora_dropout: Share = 0.0
    learning_rate: Annotated[float, msgspec.Meta(ge=0.0)] = 2e-4
    """The highest learning rate."""
    lr_scheduler_type: Literal["constant", "linear", "cosine"] = "cosine"
    warmup_steps: Annotated[int, msgspec.Meta(ge=0)] = 10
    """Steps in which the learning rate rises to its highest."""
    warmup_ratio: Share = 0.0
    """The same as a share of all steps; 0: ``warmup_steps`` counts."""
    epochs: Annotated[float, msgspec.Meta(ge=0.0)] = 0.0
    """Passes over the examples; 0: three, and as many as 40 steps take."""
    max_steps: Annotated[int, msgspec.Meta(ge=0)] = 0
    """0: as many as the epochs take."""
    batch_size: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Examples of an optimizer step; with rewards, its prompts; with TRL, its packed rows.
    0: eight prompts or rows, or fewer examples if there would be less than 40 steps."""
    micro_batch_size: Annotated[int, msgspec.Meta(ge=1)] = 4
    """Rows that are computed at once."""
    max_length: Annotated[int, msgspec.Meta(ge=8)] = 512
    """Tokens per row."""
    last_turn_only: bool = False
    """Of a conversation only the last answer is trained on."""
    weight_decay: Annotated[float, msgspec.Meta(ge=0.0)] = 0.0
    max_grad_norm: Annotated[float, msgspec.Meta(ge=0.0)] = 1.0
    """Gradients of a larger norm are scaled down to it; 0: none are."""
    optim: Literal["adamw", "adamw_8bit"] = "adamw"
    """``adamw_8bit``: the optimizer's moments in 8 bits (Dettmers et al. 2022), a quarter of their
    memory."""
    template: Annotated[str, msgspec.Meta(max_length=65_536)] = ""
    """Chat template, in place of the base's own: Jinja, or the name of a well-known one
    (`ingle.models.known_templates`)."""
    seed: int = 0
    device: str = ""
    """One, or several of a kind: ``cuda:0,cuda:1``; ``cuda``: all of them. Empty: the fastest."""
    eval_every: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Steps between evaluations on the validation rows; 0: ten evaluations in all."""
    save_every: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Steps between saved states; 0: one every 30 seconds. The state is also saved when the
    validation loss is the best so far, and at the end."""
    early_stopping_patience: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Evaluations without a better validation loss after which the run ends; 0: it never ends
    early."""
    reward_funcs: Annotated[tuple[str, ...], msgspec.Meta(max_length=16)] = ()
    """What sampled answers are worth (`ingle.training.reinforcement.rewards`). Empty: the
    examples' answers are learnt."""
    num_generations: Annotated[int, msgspec.Meta(ge=2, le=256)] = 8
    """Answers that are sampled for each prompt."""
    temperature: Annotated[float, msgspec.Meta(gt=0.0, le=10.0)] = 1.0
    max_completion_length: Annotated[int, msgspec.Meta(ge=1)] = 256
    """Tokens of a sampled answer."""
    slots: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    """Answers that are sampled at once; 0: as many as it pays. Only with 1 are answers the same
    each time: which are computed together changes their last digits."""
    keep: Literal["best", "last"] = "best"
    """Which state becomes the adapter: that of the best validation loss, or the last."""
    backend: Literal["ingle", "trl"] = "ingle"
    """``trl``: TRL does it, in an environment of its own."""
    method: Literal["", "sft", "dpo", "grpo"] = ""
    """What is learnt from: answers, pairs of a better and a worse one, rewards. Empty: rewards
    if there are any, else answers."""
    full: bool = False
    """Train the whole model, not an adapter."""
    beta: Annotated[float, msgspec.Meta(ge=0.0)] = 0.1
    """With ``dpo``: how strongly the model is held near its base."""
    nproc_per_node: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 1
    """Processes of this node, one for each graphics device."""
    nnodes: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 1
    node_rank: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Which of the nodes this one is, from 0."""
    rdzv_endpoint: str = ""
    """``HOST:PORT`` where the first node is found by the others."""

    @property
    def learns(self) -> str:
        """The method: ``sft``, ``dpo`` or ``grpo``."""
        return self.method or ("grpo" if self.reward_funcs else "sft")

    @property
    def answers(self) -> int:
        """What a step works on: rows, pairs, or sampled answers."""
        grpo = self.learns == "grpo"
        size = self.batch_size or 8
        return size * self.num_generations if grpo else size

    @property
    def eight_bit(self) -> bool:
        """The optimizer's moments are kept in 8 bits."""
        return self.optim == "adamw_8bit"

    @property
    def matrices(self) -> tuple[str, ...]:
        """The target modules by their names in GGUF; empty: all.

        Raises:
            InvalidRequest: there is no such module.
        """
        return modules.matrices(self.target_modules)
