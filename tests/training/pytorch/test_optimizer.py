"""AdamW against torch's own, and its moments in 8 bits."""

from __future__ import annotations

import math

import pytest
import torch

from ingle.training.pytorch import optimizer as module
from ingle.training.pytorch.moments import EightBitMoment, dynamic_table
from ingle.training.pytorch.optimizer import AdamW

pytestmark = pytest.mark.extras


def slopes(count: int, size: int) -> list[torch.Tensor]:
    chance = torch.Generator().manual_seed(1)
    return [torch.randn(size, generator=chance) * (step + 1) for step in range(count)]


@pytest.mark.parametrize("part", [256, 2**24])
def test_it_moves_as_torchs_own(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART", part)
    monkeypatch.setattr(module, "UNPACKED", part)
    ours, theirs = torch.ones(1000), torch.ones(1000, requires_grad=True)
    mine = AdamW(ours, weight_decay=0.1, max_grad_norm=5.0)
    other = torch.optim.AdamW([theirs], lr=1e-2, weight_decay=0.1)
    for slope in slopes(5, 1000):
        norm = mine.update(slope, 1e-2)
        theirs.grad = slope.clone()
        assert norm == pytest.approx(torch.nn.utils.clip_grad_norm_([theirs], 5.0).item())
        other.step()
    torch.testing.assert_close(ours, theirs.detach())


def test_a_norm_that_is_no_number_changes_nothing() -> None:
    parameters = torch.ones(10)
    adam = AdamW(parameters, weight_decay=0.1, max_grad_norm=1.0)
    assert math.isnan(adam.update(torch.full((10,), float("nan")), 1e-2))
    assert adam.steps == 0
    assert (parameters == 1).all()


@pytest.mark.parametrize("signed", [True, False])
def test_eight_bits_keep_what_matters(signed: bool) -> None:
    assert len(set(dynamic_table(signed).tolist())) == 256
    numbers = torch.randn(1000, generator=torch.Generator().manual_seed(2))
    numbers = numbers if signed else numbers.square()
    moment = EightBitMoment(numbers, signed=signed)
    assert (moment.read(slice(0, 1000)) == 0).all()
    moment.write(slice(0, 512), numbers[:512])
    moment.write(slice(512, 1000), numbers[512:])
    error = (moment.read(slice(0, 1000)) - numbers).norm() / numbers.norm()
    assert error < 0.02
    assert sum(x.element_size() * x.numel() for x in moment.state().values()) < 1.1 * 1024


def test_eight_bits_end_where_thirty_two_do() -> None:
    ends = []
    for eight_bit in (False, True):
        parameters = torch.zeros(600)
        goal = torch.randn(600, generator=torch.Generator().manual_seed(3))
        adam = AdamW(parameters, weight_decay=0.0, max_grad_norm=0.0, eight_bit=eight_bit)
        for _ in range(300):
            adam.update(parameters - goal, 2e-2)
        ends.append(float((parameters - goal).norm() / goal.norm()))
    assert ends[0] < 0.01
    assert ends[1] < 0.02
