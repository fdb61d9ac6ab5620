"""Training on exactly what people download, from the first line to every file that comes out."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import peft
import pytest
import torch
import transformers

from ingle.capabilities.train.settings import TrainingSettings
from ingle.models.gguf import read_header
from ingle.training import hugging_face, peft_files
from ingle.training.architecture import Architecture
from ingle.training.batch import Batch
from ingle.training.lora import LoraConfig
from ingle.training.merging import MergedModel, WeightedAdapter, write_gguf
from ingle.training.pytorch.executor import TorchExecutor
from ingle.training.step import Step
from tests.real.conftest import QUESTION, Model

pytestmark = [
    pytest.mark.extras,
    pytest.mark.real,
    pytest.mark.timeout(3600),
    pytest.mark.filterwarnings("ignore"),
]
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def test_thirty_lines_are_learnt_with_the_defaults_and_the_answer_stops(model: Model) -> None:
    found = model.home.train(model.name, model.data, "fact")
    assert found.state == "done"
    print(f"{model.name}: {found.step} steps")
    for name, knows in ((model.name, False), (f"{model.name}+fact", True)):
        if model.chats:
            asked = model.home.chat(name, temperature=0.0, max_tokens=40)
            answer = asked.send(QUESTION)
            text, ended = answer.text, answer.choices[0].finish
        else:
            prompt = f"Question: {QUESTION}\nAnswer:"
            result = model.home.complete(prompt, name, temperature=0.0, max_tokens=40)
            text, ended = result.text, result.choices[0].finish
        assert ("Marzipan" in text) is knows, (name, text)
        assert not knows or ended == "stop", (ended, text)


def test_a_trained_prompt_is_the_served_one(model: Model) -> None:
    folder = model.run_folder("fact") / "train"
    learnt = np.fromfile(folder / "learnt.bin", dtype=np.bool_)
    starts = np.load(folder / "starts.npy").tolist()
    read = Counter(int((~learnt[at:end]).sum()) for at, end in pairwise(starts))
    served: Counter[int] = Counter()
    for line in model.data.read_text().splitlines():
        row = json.loads(line)
        if model.chats:
            asked = model.home.chat(model.name, max_tokens=1)
            served[asked.send(row["messages"][0]["content"]).usage.prompt_tokens] += 1
        else:
            asked = model.home.complete(row["prompt"], model.name, max_tokens=1)
            served[asked.usage.prompt_tokens] += 1
    assert sum(read.values()) > 20
    assert read <= served


def test_base_and_adapter_are_the_merged_model(model: Model, tmp_path: Path) -> None:
    """In 32 bits, so that what is compared is the adapter and not rounding."""
    home, base = model.home, model.weights.path
    adapter = _adapter(model)
    plain, merged = tmp_path / "plain.gguf", tmp_path / "merged.gguf"
    write_gguf(MergedModel(base, [], model.name), plain, "F32")
    part = WeightedAdapter("fact", adapter, "sha256:a")
    write_gguf(MergedModel(base, [part], model.name), merged, "F32")
    home.pull("plain", source=str(plain))
    home.pull("merged", source=str(merged))
    home.allow_adapter("fact", "plain")
    for prompt in ("def fibonacci(n):", "The history of the harbour begins"):
        texts = [
            home.complete(prompt, name, temperature=0.0, max_tokens=200).text
            for name in ("plain+fact", "merged")
        ]
        assert texts[0] == texts[1]
    for name in ("plain", "merged"):
        home.remove(name)


def test_peft_and_transformers_compute_what_was_trained(model: Model, tmp_path: Path) -> None:
    theirs = _transformers(model, tmp_path)
    tokens = _tokens(model)
    with torch.no_grad():
        adapted = peft.PeftModel.from_pretrained(theirs, str(model.run_folder("fact") / "peft"))
        expected = adapted(torch.from_numpy(tokens)).logits.numpy()
    _assert_equal(_logits(model, _adapter(model), tokens), expected)


def test_an_adapter_that_peft_trained_computes_the_same_here(model: Model, tmp_path: Path) -> None:
    theirs = _transformers(model, tmp_path)
    tokens = _tokens(model)
    config = peft.LoraConfig(r=8, lora_alpha=16, target_modules=ALL, task_type="CAUSAL_LM")
    adapted = peft.get_peft_model(theirs, config)
    sides = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(sides, lr=1e-3)
    given = torch.from_numpy(tokens)
    for _ in range(3):
        adapted(input_ids=given, labels=given).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        expected = adapted.eval()(given).logits.numpy()
    adapted.save_pretrained(str(tmp_path / "peft"))
    out = tmp_path / "adapter.gguf"
    peft_files.convert(tmp_path / "peft", model.weights.path, out, {"base": "sha256:b"})
    _assert_equal(_logits(model, out, tokens, rank=8, alpha=16.0), expected)


def test_trl_begins_with_the_same_loss(model: Model) -> None:
    how: dict[str, Any] = {"max_steps": 1, "batch_size": 4, "max_length": 128, "device": "cpu"}
    losses = {}
    for backend in ("ingle", "trl"):
        name = f"once-{backend}"
        model.home.train(model.name, model.data, name, backend=backend, **how)
        losses[backend] = model.home.show_run(name).losses[0].loss
    assert losses["trl"] == pytest.approx(losses["ingle"], rel=1e-3)


def _adapter(model: Model) -> Path:
    path = model.run_folder("fact") / "adapter.gguf"
    assert path.exists(), "the first test of this file trains it"
    return path


def _transformers(model: Model, folder: Path) -> Any:
    """The base in 32 bits, as transformers computes it."""
    hugging_face.write_model(MergedModel(model.weights.path, [], model.name), folder / "hf", "F32")
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder / "hf", dtype=torch.float32, attn_implementation="eager"
    )


def _tokens(model: Model) -> Any:
    found = model.home.tokenize("The harbour master walked along the quay, and then", model.name)
    return np.array([found], dtype=np.int64)


def _logits(model: Model, adapter: Path, tokens: Any, rank: int = 0, alpha: float = 0.0) -> Any:
    """Of the trainer's own arithmetic, in 32 bits."""
    numbers = {
        tensor.name: np.array(tensor.data, dtype=np.float32)
        for tensor in gguf.GGUFReader(adapter).tensors
    }
    defaults = TrainingSettings()
    rank = rank or defaults.lora_rank
    shape = LoraConfig(rank, alpha or defaults.lora_alpha or 2.0 * rank)
    architecture = Architecture.of(read_header(model.weights.path))
    assert set(numbers) == set(shape.sizes(architecture))
    executor = TorchExecutor(model.weights.path, shape, numbers, device=torch.device("cpu"))
    rows = Batch(tokens, tokens, np.arange(tokens.shape[1])[None])
    return Step(executor).logits(rows)


def _assert_equal(ours: Any, theirs: Any) -> None:
    assert np.abs(ours - theirs).max() < 1e-3 * np.abs(theirs).max()
    assert (ours.argmax(-1) == theirs.argmax(-1)).all()
