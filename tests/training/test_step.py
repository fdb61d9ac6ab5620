"""The step engine against plain autograd, on every tensor type and architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from ingle.errors import CapabilityMissing, InvalidRequest  # noqa: E402
from ingle.training.block import block, places, rms_norm  # noqa: E402
from ingle.training.lora import Lora, Pair, Shape  # noqa: E402
from ingle.training.step import IGNORE, Batch, Step  # noqa: E402
from ingle.training.weights import Weights  # noqa: E402
from tests.training.models import VOCABULARY, write_base  # noqa: E402

CPU = torch.device("cpu")


def batch(length: int = 24, rows: int = 2) -> Batch:
    chance = torch.Generator().manual_seed(3)
    tokens = torch.randint(0, VOCABULARY, (rows, length), generator=chance)
    labels = torch.roll(tokens, -1, 1)
    labels[:, : length // 2] = IGNORE
    labels[:, -1] = IGNORE
    return Batch(tokens, labels, torch.arange(length).expand(rows, length))


def trained(weights: Weights, **shape: Any) -> Lora:
    """An adapter that does something: B is not zero."""
    chosen = Shape(rank=4, alpha=8.0, **shape)
    lora = Lora.fresh(chosen, weights.architecture, seed=1, device=CPU)
    chance = torch.Generator().manual_seed(2)
    for layer in lora.layers:
        for pair in layer.values():
            pair.b.copy_(torch.randn(pair.b.shape, generator=chance) * 0.02)
    return lora


def reference(weights: Weights, lora: Lora, rows: Batch) -> tuple[float, dict[str, Any], Any]:
    """The same model as one graph, by torch's own autograd."""
    a = weights.architecture
    layers = [
        {name: Pair(*(side.clone().requires_grad_() for side in p)) for name, p in old.items()}
        for old in lora.layers
    ]
    at = places(a, rows.positions, rows.documents)
    x = weights.tensor("token_embd.weight")[rows.tokens]
    for number, layer in enumerate(layers):
        prefix = f"blk.{number}."
        base = {
            entry.name.removeprefix(prefix): weights.tensor(entry.name)
            for entry in weights.header.tensors
            if entry.name.startswith(prefix)
        }
        x = block(a, base, layer, lora.shape.scale, x, at)
    x = rms_norm(x, weights.tensor("output_norm.weight"), a.epsilon)
    head = weights.tensor("token_embd.weight" if a.tied else "output.weight")
    logits = x @ head.T
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, a.vocabulary), rows.labels.reshape(-1), ignore_index=IGNORE
    )
    loss.backward()
    gradients = {}
    for number, layer in enumerate(layers):
        for name, pair in layer.items():
            gradients[f"blk.{number}.{name}.weight.lora_a"] = pair.a.grad
            gradients[f"blk.{number}.{name}.weight.lora_b"] = pair.b.grad
    return loss.item(), gradients, logits.detach()


def assert_close(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        error = (found[name] - gradient).norm() / gradient.norm()
        assert error < 1e-4, f"{name}: {error}"


@pytest.mark.parametrize(
    "kind", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"]
)
def test_loss_and_gradients_on_every_tensor_type(tmp_path: Path, kind: str) -> None:
    path = write_base(tmp_path / "base.gguf", kind=kind)
    with Weights(path, device=CPU, dtype=torch.float32) as weights:
        lora = trained(weights)
        rows = batch()
        step = Step(weights, lora, head_rows=101)
        loss, gradients = step.gradients(rows)
        expected, expected_gradients, logits = reference(weights, lora, rows)
        assert loss == pytest.approx(expected, rel=1e-5)
        assert step.loss(rows) == pytest.approx(expected, rel=1e-5)
        assert_close(gradients, expected_gradients)
        torch.testing.assert_close(step.logits(rows), logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("architecture", ["qwen3", "qwen2", "llama"])
@pytest.mark.parametrize("tied", [True, False])
def test_every_architecture(tmp_path: Path, architecture: str, tied: bool) -> None:
    path = write_base(tmp_path / "base.gguf", architecture=architecture, tied=tied)
    with Weights(path, device=CPU, dtype=torch.float32) as weights:
        lora = trained(weights)
        loss, gradients = Step(weights, lora).gradients(batch())
        expected, expected_gradients, _ = reference(weights, lora, batch())
        assert loss == pytest.approx(expected, rel=1e-5)
        assert_close(gradients, expected_gradients)


@pytest.mark.parametrize("head_rows", [1, 7, 599, 600, 10_000])
def test_the_vocabulary_in_chunks_of_any_size(tmp_path: Path, head_rows: int) -> None:
    path = write_base(tmp_path / "base.gguf")
    with Weights(path, device=CPU, dtype=torch.float32) as weights:
        lora = trained(weights, targets=("attn_q",))
        whole = Step(weights, lora).gradients(batch())
        chunked = Step(weights, lora, head_rows=head_rows).gradients(batch())
        assert chunked[0] == pytest.approx(whole[0], rel=1e-5)
        assert_close(chunked[1], whole[1])


def test_a_base_in_sixteen_bits(tmp_path: Path) -> None:
    """What graphics processors use: the loss and its direction are those of 32 bits."""
    path = write_base(tmp_path / "base.gguf", kind="Q8_0")
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        with Weights(path, device=CPU, dtype=dtype) as weights:
            found.append(Step(weights, trained(weights)).gradients(batch()))
    (loss, exact), (rough_loss, rough) = found
    assert rough_loss == pytest.approx(loss, rel=0.02)
    flat = [torch.cat([g.float().flatten() for g in side.values()]) for side in (exact, rough)]
    assert torch.nn.functional.cosine_similarity(*flat, dim=0) > 0.98


def test_packed_documents_do_not_see_each_other(tmp_path: Path) -> None:
    """Two documents in one row give what each gives in a row of its own."""
    path = write_base(tmp_path / "base.gguf")
    with Weights(path, device=CPU, dtype=torch.float32) as weights:
        lora = trained(weights)
        step = Step(weights, lora)
        first, second = batch(24, 1), batch(16, 1)
        packed = Batch(
            torch.cat((first.tokens, second.tokens), 1),
            torch.cat((first.labels, second.labels), 1),
            torch.cat((first.positions, second.positions), 1),
            torch.tensor([[0] * 24 + [1] * 16]),
        )
        count = packed.supervised
        alone = [step.gradients(rows, weight=1 / count) for rows in (first, second)]
        together = step.gradients(packed)
        assert together[0] == pytest.approx(alone[0][0] + alone[1][0], rel=1e-5)
        assert_close(together[1], {n: g + alone[1][1][n] for n, g in alone[0][1].items()})


def test_what_is_not_supervised_changes_nothing(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf")
    with Weights(path, device=CPU, dtype=torch.float32) as weights:
        step = Step(weights, trained(weights))
        rows = batch()
        nothing = rows._replace(labels=torch.full_like(rows.labels, IGNORE))
        loss, gradients = step.gradients(nothing)
        assert loss == 0.0
        assert all(not gradient.any() for gradient in gradients.values())


def test_dropout_drops_the_same_when_a_block_is_computed_again(tmp_path: Path) -> None:
    """The gradient of the loss with these very inputs dropped, by finite differences."""
    path = write_base(tmp_path / "base.gguf")
    with Weights(path, device=CPU, dtype=torch.float64) as weights:
        lora = trained(weights, dropout=0.5, targets=("ffn_up",))
        for layer in lora.layers:
            for name, pair in layer.items():
                layer[name] = Pair(pair.a.double(), pair.b.double())
        step, rows = Step(weights, lora), batch(8, 1)
        loss, gradients = step.gradients(rows, seed=5)
        assert step.gradients(rows, seed=5)[0] == loss
        assert step.gradients(rows, seed=6)[0] != loss
        name, parameter = next(iter(lora.parameters()))
        parameter[0, 0] += 1e-4
        difference = (step.gradients(rows, seed=5)[0] - loss) / 1e-4
        assert gradients[name][0, 0].item() == pytest.approx(difference, rel=1e-2, abs=1e-5)


def test_what_cannot_be_trained_is_named(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf", architecture="gemma3")
    with pytest.raises(CapabilityMissing, match=r"gemma3.*qwen3"):
        Weights(path, device=CPU, dtype=torch.float32)
    path = write_base(tmp_path / "fine.gguf")
    weights = Weights(path, device=CPU, dtype=torch.float32)
    for shape in (Shape(rank=0), Shape(rank=1000), Shape(targets=("head",)), Shape(dropout=1.0)):
        with pytest.raises(InvalidRequest):
            Lora.fresh(shape, weights.architecture, seed=0, device=CPU)
