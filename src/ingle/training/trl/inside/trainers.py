"""TRL's trainers, made from a `TrlJob`. They are given the engine's tokens and ingle's schedule."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
import trl

from ingle.training import schedule
from ingle.training.reinforcement.rewards import SampledAnswer, parse
from ingle.training.trl.inside import data
from ingle.training.trl.inside import tokenizer as tokenizers
from ingle.training.trl.inside.order import EpochOrder, SetEpochCallback
from ingle.training.trl.trl_job import CHECKPOINTS, PAIRS, PAIRS_APART, TrlJob

PROMPTS, CHECKS = "prompts.jsonl", "prompts-apart.jsonl"
LOOKS = 0.1
"""Of all steps: how many lie between two looks at what is set apart, if no one says."""


class _IngleTrainer:
    """A trainer with ingle's learning rate and order."""

    job: TrlJob

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """As transformers' trainers call it."""
        job, steps = self.job, num_training_steps
        warmup_steps = schedule.warmup(
            steps, warmup_steps=job.warmup_steps, warmup_ratio=job.warmup_ratio
        )

        def share(step: int) -> float:
            return schedule.share(job.lr_scheduler_type, step, steps, warmup_steps)

        optimizer = self.optimizer if optimizer is None else optimizer  # type: ignore[attr-defined]
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
        return self.lr_scheduler

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows = self.train_dataset if train_dataset is None else train_dataset  # type: ignore[attr-defined]
        order = EpochOrder(len(rows), self.job.seed)
        self.add_callback(SetEpochCallback(order))  # type: ignore[attr-defined]
        return order


class Sft(_IngleTrainer, trl.SFTTrainer):  # type: ignore[misc]
    """Learns examples."""


class Dpo(_IngleTrainer, trl.DPOTrainer):  # type: ignore[misc]
    """Learns from pairs."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset  # tokens already


class Grpo(_IngleTrainer, trl.GRPOTrainer):  # type: ignore[misc]
    """Learns from rewards; a prompt comes as often in its order as answers are sampled to it."""

    tokens: dict[str, list[int]]
    _get_train_sampler = trl.GRPOTrainer._get_train_sampler

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return [self.tokens[prompt] for prompt in prompts], None, {}


def make(job: TrlJob, callback: Any) -> Any:
    """The trainer of a job."""
    tokenizer = tokenizers.of(job)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        job.base, dtype=torch.bfloat16 if job.bfloat16 and not job.full else torch.float32
    )
    # Generation, padding and what TRL looks up all go by the token that the engine stops at.
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(job.end)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    for config in (model.config, model.generation_config):
        config.eos_token_id, config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    callbacks = [callback]
    if job.early_stopping_patience:
        callbacks.append(transformers.EarlyStoppingCallback(job.early_stopping_patience))
    given: dict[str, Any] = {"processing_class": tokenizer, "callbacks": callbacks}
    if not job.full:
        given["peft_config"] = peft.LoraConfig(
            r=job.lora_rank, lora_alpha=job.lora_alpha, lora_dropout=job.lora_dropout,
            target_modules=list(job.target_modules), use_rslora=job.use_rslora,
            bias="none", task_type="CAUSAL_LM",
        )  # fmt: skip
    makers: dict[str, Callable[[TrlJob, Any, dict[str, Any]], Any]] = {
        "sft": _sft, "dpo": _dpo, "grpo": _grpo,
    }  # fmt: skip
    trainer = makers[job.method](job, model, given)
    trainer.job = job
    return trainer


def _sft(job: TrlJob, model: Any, given: dict[str, Any]) -> Any:
    apart = job.run / "validation"
    checks = data.examples(apart) if apart.exists() else None
    return Sft(
        model,
        trl.SFTConfig(
            **_common(job, checked=checks is not None), max_length=job.max_length,
            packing=job.packing,
        ),
        train_dataset=data.examples(job.run / "train"), eval_dataset=checks, **given,
    )  # fmt: skip


def _dpo(job: TrlJob, model: Any, given: dict[str, Any]) -> Any:
    apart = job.run / PAIRS_APART
    checks = data.pairs(apart) if apart.exists() else None
    return Dpo(
        model,
        args=trl.DPOConfig(
            **_common(job, checked=checks is not None), max_length=job.max_length, beta=job.beta,
        ),
        train_dataset=data.pairs(job.run / PAIRS), eval_dataset=checks, **given,
    )  # fmt: skip


def _grpo(job: TrlJob, model: Any, given: dict[str, Any]) -> Any:
    asked, tokens = data.prompts(job.run / PROMPTS)
    checks = None
    if (job.run / CHECKS).exists():
        checks, more = data.prompts(job.run / CHECKS)
        tokens |= more
    trainer = Grpo(
        model,
        [_judge(spec, job.end) for spec in job.reward_funcs],
        args=trl.GRPOConfig(
            **_common(job, checked=checks is not None), num_generations=job.num_generations,
            num_generations_eval=1, temperature=job.temperature,
            max_completion_length=job.max_completion_length,
        ),
        train_dataset=asked, eval_dataset=checks, **given,
    )  # fmt: skip
    trainer.tokens = tokens
    return trainer


def _judge(spec: str, end: int) -> Any:
    """One of ingle's rewards, as TRL asks it."""
    reward = parse(spec)

    def judge(
        prompts: list[str], completions: list[str], completion_ids: list[list[int]],
        example: list[str], **_: Any,
    ) -> list[float]:  # fmt: skip
        return [
            reward.of(
                prompt, SampledAnswer(ids, text, bool(ids) and ids[-1] == end), json.loads(fields)
            )
            for prompt, text, ids, fields in zip(
                prompts, completions, completion_ids, example, strict=True
            )
        ]

    judge.__name__ = spec.replace("/", "-")
    return judge


def _common(job: TrlJob, *, checked: bool) -> dict[str, Any]:
    """What all of TRL's trainers are told alike."""
    grpo = job.method == "grpo"
    found: dict[str, Any] = {
        "output_dir": str(Path(job.folder) / CHECKPOINTS),
        "per_device_train_batch_size": job.micro,
        "per_device_eval_batch_size": job.micro,
        "gradient_accumulation_steps": job.accumulation,
        "learning_rate": job.learning_rate,
        "weight_decay": job.weight_decay,
        "max_grad_norm": job.max_grad_norm,
        "num_train_epochs": job.epochs,
        "max_steps": job.max_steps or -1,
        "seed": job.seed,
        "data_seed": job.seed,
        "bf16": job.bfloat16,
        "use_cpu": job.cpu,
        "gradient_checkpointing": not job.cpu,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "report_to": "none",
        "push_to_hub": False,
        "save_strategy": "no",
        "save_total_limit": 2,
        "save_on_each_node": job.nnodes > 1,
        "ddp_find_unused_parameters": False,
        "dataloader_pin_memory": not job.cpu,
        "remove_unused_columns": not grpo,
    }
    if checked:
        every = job.eval_every or LOOKS
        found |= {
            "eval_strategy": "steps",
            "eval_steps": every,
            "save_strategy": "steps",
            "save_steps": every,
            "load_best_model_at_end": job.best,
            "metric_for_best_model": "eval_reward" if grpo else "eval_loss",
            "greater_is_better": grpo,
        }
    return found
