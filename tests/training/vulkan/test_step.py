"""The Vulkan executor against torch's autograd: tensor types, architectures, limits, dropout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingle.errors import CapabilityMissing, DoesNotFit, StorageError
from ingle.models.gguf import read_header
from ingle.training.architecture import Architecture
from ingle.training.base_types import TRAINABLE
from ingle.training.batch import IGNORE, Batch
from ingle.training.lora import LoraConfig
from ingle.training.step import Step
from tests.training.adapters import SHAPE, batch
from tests.training.models import write_base
from tests.training.pytorch.test_step import reference
from tests.training.pytorch.test_step import step_of as torch_step
from tests.training.transformers_models import DENSE, make, write
from tests.training.vulkan.devices import executor_of, step_of, worst

pytestmark = pytest.mark.extras


@pytest.mark.parametrize("kind", TRAINABLE)
def test_loss_and_gradients_on_every_tensor_type(tmp_path: Path, kind: str) -> None:
    path = write_base(tmp_path / "base.gguf", kind=kind)
    step, rows = step_of(path, keep=3), batch()
    expected, gradients, logits = reference(path, rows)
    loss, found = step.gradients(rows)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert worst(found, gradients) < 1e-4
    if kind == "Q8_0":  # and of what does not follow from it
        again = step.gradients(rows)  # played, not recorded
        assert again[0] == loss
        assert worst(again[1], found) == 0.0
        assert step.loss(rows) == pytest.approx(expected, rel=1e-5)
        np.testing.assert_allclose(step.logits(rows), logits, rtol=1e-4, atol=2e-4)


def test_all_tensor_types_mixed_in_one_file(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf", kind=TRAINABLE, layers=4, tied=False)
    step, rows = step_of(path, keep=3), batch()
    expected, gradients, _ = reference(path, rows)
    loss, found = step.gradients(rows)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert worst(found, gradients) < 1e-4


@pytest.mark.parametrize("keep", [0, 2])
@pytest.mark.parametrize("architecture", ["qwen3", "qwen2", "llama", "gemma3"])
def test_every_architecture(tmp_path: Path, architecture: str, keep: int) -> None:
    """With blocks computed once more, and with insides of some kept; tied and not."""
    path = write_base(tmp_path / "base.gguf", architecture=architecture, tied=keep == 0)
    loss, found = step_of(path, keep=keep).gradients(batch())
    expected, gradients, _ = reference(path, batch())
    assert loss == pytest.approx(expected, rel=1e-5)
    assert worst(found, gradients) < 1e-4


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", DENSE)
def test_every_architecture_of_transformers(tmp_path: Path, name: str) -> None:
    """Joined matrices, partial and scaled rotation, blocks without any; with dropout, too."""
    path = write(make(name), tmp_path / "base.gguf")
    shape = SHAPE._replace(target_modules=Architecture.of(read_header(path)).targets, dropout=0.3)
    loss, found = step_of(path, shape, keep=1).gradients(batch(), seed=5)
    expected, gradients = torch_step(path, shape).gradients(batch(), seed=5)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert worst(found, gradients) < 1e-4


@pytest.mark.parametrize("mib", [128, 32, 2, 0.25])
def test_no_buffer_is_over_the_limit(tmp_path: Path, mib: float) -> None:
    """A vocabulary and a feed-forward that are over the smaller limits when dequantised."""
    path = write_base(tmp_path / "base.gguf", kind="Q8_0")
    limit = int(mib * 2**20)
    step, rows = step_of(path, max_buffer=limit, keep=1), batch(40, 1)
    loss, found = step.gradients(rows)
    expected, gradients, _ = reference(path, rows)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert worst(found, gradients) < 1e-4
    assert step.executor.device.statistics.largest <= limit


@pytest.mark.parametrize(("mib", "length"), [(128, 1050), (32, 280), (2, 40)])
def test_tokens_are_split_where_a_buffer_is_small(tmp_path: Path, mib: int, length: int) -> None:
    """Gate and up side by side have 128 KiB for a token."""
    path = write_base(tmp_path / "base.gguf", kind="Q8_0", layers=1, width=32, wide=16_384)
    shape = SHAPE if mib < 128 else SHAPE._replace(target_modules=("attn_v", "ffn_up"))
    step, rows = step_of(path, shape, max_buffer=mib << 20), batch(length, 1)
    loss, found = step.gradients(rows)
    expected, gradients, _ = reference(path, rows, shape)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert worst(found, gradients) < 1e-4
    assert len(step.executor._inputs.layout.pages) > 1
    assert (mib << 19) < step.executor.device.statistics.largest <= mib << 20


@pytest.mark.parametrize(("mib", "length", "count", "pages"), [(2, 520, 1, 2), (0.5, 40, 5, 3)])
def test_pages_of_stretches_and_of_texts(
    tmp_path: Path, mib: float, length: int, count: int, pages: int
) -> None:
    path = write_base(tmp_path / "base.gguf", kind="Q8_0")
    limit = int(mib * 2**20)
    step, rows = step_of(path, max_buffer=limit, keep=1), batch(length, count)
    loss, found = step.gradients(rows)
    expected, gradients, logits = reference(path, rows)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert worst(found, gradients) < 1e-4
    assert len(step.executor._inputs.layout.pages) == pages
    np.testing.assert_allclose(step.logits(rows), logits, rtol=1e-4, atol=3e-4)
    assert step.executor.device.statistics.largest <= limit


def test_windows_and_dropout_go_on_from_page_to_page(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf", kind="Q8_0", architecture="gemma3")
    shape = SHAPE._replace(dropout=0.4)
    step, rows = step_of(path, shape, max_buffer=1 << 18), batch(150, 2)
    loss, found = step.gradients(rows, seed=5)
    expected, gradients = torch_step(path, shape).gradients(rows, seed=5)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert worst(found, gradients) < 1e-4
    assert len(step.executor._inputs.layout.pages) == 6


def test_what_no_buffer_can_hold_is_refused(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf", kind="Q8_0")
    with pytest.raises(DoesNotFit, match="over the limit") as caught:
        step_of(path, SHAPE._replace(rank=64), max_buffer=1 << 16)
    assert caught.value.details["available_bytes"] == 1 << 16


@pytest.mark.parametrize("rank", [3, 16])
def test_ranks_and_some_targets_only(tmp_path: Path, rank: int) -> None:
    path = write_base(tmp_path / "base.gguf", kind="Q8_0")
    shape = LoraConfig(rank=rank, alpha=4.0, target_modules=("attn_v", "ffn_gate", "ffn_down"))
    loss, found = step_of(path, shape).gradients(batch())
    expected, gradients, _ = reference(path, batch(), shape)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert worst(found, gradients) < 1e-4


def test_dropout_drops_what_torch_drops(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf", kind="Q8_0")
    shape = SHAPE._replace(dropout=0.4)
    step, other = step_of(path, shape), torch_step(path, shape)
    losses = set()
    for seed in (5, 6):
        loss, found = step.gradients(batch(24, 1), seed=seed)
        expected, gradients = other.gradients(batch(24, 1), seed=seed)
        assert loss == pytest.approx(expected, rel=1e-5)
        assert worst(found, gradients) < 1e-4
        losses.add(loss)
    assert len(losses) == 2


def test_packed_documents_do_not_see_each_other(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf")
    step = step_of(path)
    first, second = batch(24, 1), batch(16, 1)
    packed = Batch(
        *(np.concatenate((getattr(first, name), getattr(second, name)), 1)
          for name in ("tokens", "labels", "positions")),
        np.array([[0] * 24 + [1] * 16]),
    )  # fmt: skip
    weight = 1 / packed.supervised
    alone = [step.gradients(rows, weight=weight) for rows in (first, second)]
    together = step.gradients(packed)
    assert together[0] == pytest.approx(alone[0][0] + alone[1][0], rel=1e-5)
    assert worst(together[1], {n: x + alone[1][1][n] for n, x in alone[0][1].items()}) < 1e-4


def test_advantages_weigh_tokens(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf")
    advantages = np.random.default_rng(4).standard_normal((2, 24)).astype(np.float32)
    rows = batch()._replace(advantages=advantages)
    loss, found = step_of(path).gradients(rows)
    expected, gradients = torch_step(path).gradients(rows)
    assert loss == pytest.approx(expected, rel=1e-4)
    assert worst(found, gradients) < 1e-4


def test_what_is_not_supervised_changes_nothing(tmp_path: Path) -> None:
    step, rows = step_of(write_base(tmp_path / "base.gguf")), batch()
    nothing = rows._replace(labels=np.full_like(rows.labels, IGNORE))
    loss, gradients = step.gradients(nothing)
    assert loss == 0.0
    assert all(not gradient.any() for gradient in gradients.values())


def test_sixteen_bits_go_the_same_way(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf", kind="Q8_0")
    rough = step_of(path, exact=False)
    if not rough.executor.device.halves:
        pytest.skip("this device has no numbers of 16 bits")
    loss, exact = step_of(path).gradients(batch())
    found = rough.gradients(batch())
    assert found[0] == pytest.approx(loss, rel=0.01)
    assert worst(found[1], exact) < 0.03


def _steps(step: Step[Any], count: int, first: int = 0) -> list[tuple[float, float]]:
    found = []
    for number in range(first, first + count):
        for micro in range(2):
            step.accumulate(batch(16 + 8 * micro, 1), seed=number, weight=0.05)
        found.append(step.update(1e-2))
    return found


def test_updates_are_torchs(tmp_path: Path) -> None:
    """Micro-batches of two sizes added up, clipping, decay, and AdamW's moments."""
    path = write_base(tmp_path / "base.gguf", kind="Q8_0")
    how = {"weight_decay": 0.1, "max_grad_norm": 0.5}
    found, expected = (_steps(of(path, **how), 2) for of in (step_of, torch_step))
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_a_state_continues_number_for_number(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf", kind="Q8_0")
    whole = step_of(path)
    _steps(whole, 1)
    state = whole.executor.state()
    rest = _steps(whole, 1, first=1)
    resumed = step_of(path)
    resumed.executor.load(state)
    assert _steps(resumed, 1, first=1) == rest
    for name, x in whole.executor.state().items():
        np.testing.assert_array_equal(resumed.executor.state()[name], x)
    other = executor_of(path, LoraConfig(rank=8))
    with pytest.raises(StorageError, match="another adapter"):
        other.load(state)


def test_a_loss_that_is_no_number_moves_nothing(tmp_path: Path) -> None:
    step = step_of(write_base(tmp_path / "base.gguf", kind="Q8_0"))
    before = step.executor.state()
    step.accumulate(batch(), weight=float("inf"))
    _, norm = step.update(1e-2)
    assert not np.isfinite(norm)
    step.executor._adapter.forget()
    for name, x in before.items():
        np.testing.assert_array_equal(step.executor.state()[name], x)


def test_types_that_cannot_be_trained_on_are_named(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf", kind="NVFP4")
    with pytest.raises(CapabilityMissing, match=r"token_embd\.weight is in NVFP4.*Q8_0"):
        step_of(path)
