"""The step engine against plain autograd, on every tensor type and architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.models.gguf import read_header
from ingle.training import memory_plan
from ingle.training.architecture import Architecture
from ingle.training.base_types import TRAINABLE
from ingle.training.batch import IGNORE, Batch
from ingle.training.block import block
from ingle.training.executor import Numbers
from ingle.training.lora import LoraConfig, fresh
from ingle.training.pytorch.dropout import drop
from ingle.training.pytorch.executor import TorchExecutor
from ingle.training.pytorch.inputs import inputs
from ingle.training.pytorch.operations import AdapterMatrices, TorchOperations, rms_norm
from ingle.training.pytorch.weights import TorchWeights
from ingle.training.step import Step
from tests.training.adapters import SHAPE, adapter, batch
from tests.training.models import write_base

pytestmark = pytest.mark.extras

CPU = torch.device("cpu")


def step_of(path: Path, shape: LoraConfig = SHAPE, **how: Any) -> Step[Any]:
    architecture = Architecture.of(read_header(path))
    how = {"device": CPU, "recompute": False, **how}
    return Step(TorchExecutor(path, shape, adapter(architecture, shape), **how))


def reference(path: Path, rows: Batch, shape: LoraConfig = SHAPE) -> tuple[float, Numbers, Any]:
    """The same model as one graph, by torch's own autograd."""
    weights = TorchWeights(path, device=CPU, dtype=torch.float32)
    a = weights.architecture
    numbers = {n: torch.from_numpy(x).requires_grad_() for n, x in adapter(a, shape).items()}
    given = inputs(
        rows, a, seed=0, weight=1.0, device=CPU, dtype=torch.float32, factors=None, varlen=False
    )
    x = weights.numbers("token_embd.weight")[given.tokens] * a.embedding_scale
    for number in range(a.layers):
        lora = {
            name: AdapterMatrices(
                *(numbers[f"blk.{number}.{name}.weight.lora_{side}"] for side in "ab")
            )
            for name in shape.target_modules
        }
        kind = a.kind(number)
        sight = given.local if kind.local else given.whole
        assert sight is not None
        ops = TorchOperations(a, shape, weights.blocks[number], lora, sight, None)
        x = block(ops, a, x, kind=kind)
    x = rms_norm(x, weights.final_norm, a.epsilon)
    logits = x @ weights.numbers("token_embd.weight" if a.tied else "output.weight").T
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, a.vocabulary),
        torch.from_numpy(rows.labels).reshape(-1),
        ignore_index=IGNORE,
    )
    loss.backward()
    return loss.item(), {n: x.grad.numpy() for n, x in numbers.items()}, logits.detach().numpy()


def assert_close(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        error = np.linalg.norm(found[name] - gradient) / np.linalg.norm(gradient)
        assert error < 1e-4, f"{name}: {error}"


@pytest.mark.filterwarnings("ignore:.*autograd.function.Function:DeprecationWarning")
def test_a_compiled_block_looks_without_gradients_as_it_does_with_them(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf", layers=1)
    step = step_of(path)
    expected, gradients, _ = reference(path, batch())
    programs = step.executor._programs
    step.executor._programs = {
        kind: torch.compile(program, backend="eager", dynamic=False)
        for kind, program in programs.items()
    }
    assert step.loss(batch()) == pytest.approx(expected, rel=1e-5)
    loss, found = step.gradients(batch())
    assert loss == pytest.approx(expected, rel=1e-5)
    assert_close(found, gradients)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler's own
@pytest.mark.parametrize(("architecture", "dropout"), [("qwen3", 0.0), ("gemma3", 0.1)])
def test_a_compiled_block_keeps_no_more_than_is_estimated(
    tmp_path: Path, architecture: str, dropout: float
) -> None:
    path = write_base(tmp_path / "base.gguf", layers=1, architecture=architecture)
    executor = step_of(path, SHAPE._replace(dropout=dropout)).executor
    a, tokens = executor.architecture, 48
    positions = np.arange(tokens)[None]
    executor.begin(Batch(positions, positions, positions, None), seed=0, weight=1.0, train=True)
    executor._programs = {
        kind: torch.compile(program, backend="aot_eager_decomp_partition", dynamic=False)
        for kind, program in executor._programs.items()
    }
    out = executor._block(0, executor.embed().detach().requires_grad_())
    width, wide, heads = memory_plan.LIVE_DROPPED if dropout else memory_plan.LIVE_COMPILED
    expected = width * a.width + wide * a.feed_forward
    expected += heads * (a.heads + 2 * a.key_value_heads) * a.head
    kept = sum(
        x.numel() for x in out.grad_fn.saved_tensors
        if tokens in x.shape and x.shape[-2:] != (tokens, tokens)  # a mask is not estimated
    )  # fmt: skip
    assert 0.7 * expected < kept / tokens < expected


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", TRAINABLE)
def test_loss_and_gradients_on_every_tensor_type(tmp_path: Path, kind: str, packed: bool) -> None:
    path = write_base(tmp_path / "base.gguf", kind=kind)
    step, rows = step_of(path, packed=packed), batch()
    loss, gradients = step.gradients(rows)
    expected, expected_gradients, logits = reference(path, rows)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert step.loss(rows) == pytest.approx(expected, rel=1e-5)
    assert_close(gradients, expected_gradients)
    np.testing.assert_allclose(step.logits(rows), logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("packed", [True, False])
def test_all_tensor_types_mixed_in_one_file(tmp_path: Path, packed: bool) -> None:
    path = write_base(tmp_path / "base.gguf", kind=TRAINABLE, layers=4, tied=False)
    step, rows = step_of(path, packed=packed), batch()
    loss, gradients = step.gradients(rows)
    expected, expected_gradients, _ = reference(path, rows)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert_close(gradients, expected_gradients)


@pytest.mark.parametrize("recompute", [True, False])
@pytest.mark.parametrize("architecture", ["qwen3", "qwen2", "llama", "gemma3"])
@pytest.mark.parametrize("tied", [True, False])
def test_every_architecture(tmp_path: Path, architecture: str, tied: bool, recompute: bool) -> None:
    path = write_base(tmp_path / "base.gguf", architecture=architecture, tied=tied)
    loss, gradients = step_of(path, recompute=recompute).gradients(batch())
    expected, expected_gradients, _ = reference(path, batch())
    assert loss == pytest.approx(expected, rel=1e-5)
    assert_close(gradients, expected_gradients)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("head_rows", [1, 7, 599, 600, 10_000])
def test_the_vocabulary_in_parts_of_any_size(tmp_path: Path, head_rows: int, packed: bool) -> None:
    path = write_base(tmp_path / "base.gguf")
    shape = SHAPE._replace(target_modules=("attn_q",))
    whole = step_of(path, shape).gradients(batch())
    parts = step_of(path, shape, head_rows=head_rows, packed=packed).gradients(batch())
    assert parts[0] == pytest.approx(whole[0], rel=1e-5)
    assert_close(parts[1], whole[1])


def test_a_base_in_sixteen_bits(tmp_path: Path) -> None:
    """What graphics processors use: the loss and its direction are those of 32 bits."""
    path = write_base(tmp_path / "base.gguf", kind="Q8_0")
    loss, exact = step_of(path).gradients(batch())
    for packed in (True, False):
        rough_loss, rough = step_of(path, dtype=torch.bfloat16, packed=packed).gradients(batch())
        assert rough_loss == pytest.approx(loss, rel=0.02)
        flat = [np.concatenate([g.ravel() for g in side.values()]) for side in (exact, rough)]
        cosine = flat[0] @ flat[1] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1])
        assert cosine > 0.98


def test_packed_documents_do_not_see_each_other(tmp_path: Path) -> None:
    """Two documents in one row give what each gives in a row of its own."""
    step = step_of(write_base(tmp_path / "base.gguf"))
    first, second = batch(24, 1), batch(16, 1)
    packed = Batch(
        *(np.concatenate((getattr(first, name), getattr(second, name)), 1)
          for name in ("tokens", "labels", "positions")),
        np.array([[0] * 24 + [1] * 16]),
    )  # fmt: skip
    count = packed.supervised
    alone = [step.gradients(rows, weight=1 / count) for rows in (first, second)]
    together = step.gradients(packed)
    assert together[0] == pytest.approx(alone[0][0] + alone[1][0], rel=1e-5)
    assert_close(together[1], {n: g + alone[1][1][n] for n, g in alone[0][1].items()})


def test_what_is_not_supervised_changes_nothing(tmp_path: Path) -> None:
    step, rows = step_of(write_base(tmp_path / "base.gguf")), batch()
    nothing = rows._replace(labels=np.full_like(rows.labels, IGNORE))
    loss, gradients = step.gradients(nothing)
    assert loss == 0.0
    assert all(not gradient.any() for gradient in gradients.values())


def test_an_advantage_weighs_a_tokens_loss(tmp_path: Path) -> None:
    step, rows = step_of(write_base(tmp_path / "base.gguf")), batch()
    advantages = np.zeros(rows.labels.shape, dtype=np.float32)
    advantages[0], advantages[1] = 2.0, -1.0
    count = rows.supervised
    loss, gradients = step.gradients(rows._replace(advantages=advantages))
    one, other = (
        step.gradients(Batch(*(x[n : n + 1] for x in rows[:3])), weight=1 / count) for n in (0, 1)
    )
    assert loss == pytest.approx(2 * one[0] - other[0], rel=1e-5)
    assert_close(gradients, {n: 2 * g - other[1][n] for n, g in one[1].items()})


def test_dropout_drops_the_same_when_a_block_is_computed_again(tmp_path: Path) -> None:
    """The gradient of the loss with these very inputs dropped, by finite differences."""
    path = write_base(tmp_path / "base.gguf")
    shape = LoraConfig(rank=4, alpha=8.0, dropout=0.5, target_modules=("ffn_up",))
    rows = batch(8, 1)
    for recompute in (True, False):
        step = step_of(path, shape, dtype=torch.float64, recompute=recompute)
        loss, gradients = step.gradients(rows, seed=5)
        assert step.gradients(rows, seed=5)[0] == loss
        assert step.gradients(rows, seed=6)[0] != loss
        state = step.executor.state()
        name = next(iter(shape.sizes(step.executor.architecture)))
        state[name][0, 0] += 1e-4
        step.executor.load(state)
        difference = (step.gradients(rows, seed=5)[0] - loss) / 1e-4
        assert gradients[name][0, 0] == pytest.approx(difference, rel=1e-2, abs=1e-5)


def test_dropout_leaves_out_its_share() -> None:
    kept = drop(torch.ones(200, 500), 0.3, torch.tensor(12345))
    assert kept.mean().item() == pytest.approx(1.0, abs=0.01)
    assert (kept == 0).float().mean().item() == pytest.approx(0.3, abs=0.005)
    other = drop(torch.ones(200, 500), 0.3, torch.tensor(12346))
    broadcast_parameters = ((kept == 0) == (other == 0)).float().mean().item()
    assert broadcast_parameters == pytest.approx(0.7**2 + 0.3**2, abs=0.01)


def test_what_cannot_be_trained_is_named(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf", architecture="falcon")
    with pytest.raises(CapabilityMissing, match=r"falcon.*qwen3"):
        TorchWeights(path, device=CPU, dtype=torch.float32)
    path = write_base(tmp_path / "fine.gguf")
    architecture = Architecture.of(read_header(path))
    for shape in (
        LoraConfig(rank=0),
        LoraConfig(rank=1000),
        LoraConfig(target_modules=("head",)),
        LoraConfig(dropout=1.0),
    ):
        with pytest.raises(InvalidRequest):
            fresh(shape, architecture, seed=0)
