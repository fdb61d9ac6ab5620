"""What was learned of a model on a device."""

from __future__ import annotations

from ingle.engines.declaration import DeviceRoom, MemoryNeed
from ingle.node.plan_corrections import MOST, PlanCorrections, taken
from ingle.operations import DeviceInfo

KEY = ("sha256:a", "llama", "CUDA0")


def test_a_difference_is_counted_the_next_time() -> None:
    corrections = PlanCorrections()
    assert corrections.learn(KEY, 1000, 1100)
    need = MemoryNeed(weights=900, overhead=100, devices=(("CUDA0", 1000),))
    corrected = corrections.corrected("sha256:a", "llama", need)
    assert corrected.devices == (("CUDA0", 1100),)
    assert corrected.total == 1100
    assert corrections.corrected("sha256:b", "llama", need) == need
    room = DeviceRoom(DeviceInfo(name="CUDA0", kind="cuda"), 1050)
    assert corrections.rooms("sha256:a", "llama", [room])[0].bytes == 950
    assert corrections.learn(KEY, 1000, 980)
    assert corrections.of(KEY) == -20


def test_what_is_far_from_the_plan_is_not_the_models() -> None:
    corrections = PlanCorrections()
    for measured in (0, -500, 2000, 700):
        assert not corrections.learn(KEY, 1000, measured)
    assert not corrections.learn(KEY, 0, 5)
    assert corrections.of(KEY) == 0


def test_only_so_many_are_remembered() -> None:
    corrections = PlanCorrections()
    for number in range(MOST + 5):
        corrections.learn((str(number), "llama", "CUDA0"), 1000, 1001)
    known = [corrections.of((str(number), "llama", "CUDA0")) for number in range(MOST + 5)]
    assert known == [0] * 5 + [1] * MOST


def test_what_was_taken_is_known_where_both_looks_are() -> None:
    before, after = {"CUDA0": 10, "CUDA1": 10}, {"CUDA0": 3, "CUDA2": 1}
    assert taken(before, after, ["CUDA0", "CUDA1", "CUDA2"]) == {"CUDA0": 7}
