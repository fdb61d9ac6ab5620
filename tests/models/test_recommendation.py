"""Which models and quantisations suit a machine."""

from __future__ import annotations

import pytest

from ingle.models import catalogue
from ingle.models.quantization import Room, choose
from ingle.models.recommendation import (
    PURPOSES,
    fitting_tag,
    recommended,
    room_on,
    suggestion,
    suits,
)
from ingle.models.ref import ModelRef
from ingle.operations import DeviceInfo

GIB = 1 << 30
LAPTOP = Room(0, 11 * GIB // 2)
WORKSTATION = Room(0, 50 * GIB)
CARD = Room(21 * GIB, 26 * GIB)
EIGHT = {"Q8_0": 8.7, "Q6_K": 6.7, "Q5_K_M": 5.9, "Q4_K_M": 5.0, "Q3_K_M": 4.1, "Q2_K": 3.3}


def sized(times: float = 1.0) -> dict[str, int]:
    return {name: int(size * times * GIB) for name, size in EIGHT.items()}


def entry(name: str) -> catalogue.CataloguedModel:
    found = catalogue.find(ModelRef.parse(name))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("times", "room", "chosen"),
    [
        (1, None, "Q4_K_M"),
        (1, LAPTOP, "Q3_K_M"),
        (1, WORKSTATION, "Q4_K_M"),
        (1, CARD, "Q4_K_M"),
        (4, CARD, "Q3_K_M"),
        (0.1, LAPTOP, "Q8_0"),
        (0.1, None, "Q4_K_M"),
        (2, LAPTOP, ""),
        # What is good and fits into memory goes before what is poor and fits into a card.
        (1, Room(4 * GIB, 50 * GIB), "Q4_K_M"),
    ],
)
def test_the_quantisation_that_suits(times: float, room: Room | None, chosen: str) -> None:
    assert choose(sized(times), room) == chosen


def test_names_that_say_no_quantisation_are_taken_as_well() -> None:
    assert choose({"model": 5 * GIB}, WORKSTATION) == "model"
    assert choose({"model": 0}, LAPTOP) == "model"
    assert choose({}, LAPTOP) == ""


def test_a_processor_gets_what_it_can_read_for_each_token() -> None:
    chats = [found.entry for found in recommended(WORKSTATION, "chat")]
    assert chats
    for found in chats:
        assert found.active < 8
    assert suits(suggestion(entry("qwen3:30b-a3b"), WORKSTATION))
    slow = suggestion(entry("qwen3:32b"), WORKSTATION)
    assert slow.fits
    assert not suits(slow)
    assert "slow on a processor" in slow.why


def test_a_card_gets_what_fills_it() -> None:
    (first, *_) = recommended(CARD, "chat")
    assert first.where == "graphics"
    assert first.entry.parameters > 20


def test_a_processor_gets_small_embedders() -> None:
    for purpose in ("embed", "rerank"):
        for found in recommended(WORKSTATION, purpose):
            assert found.entry.parameters < 1
    assert recommended(CARD, "embed")[0].entry.parameters > 1


@pytest.mark.parametrize("room", [LAPTOP, WORKSTATION, CARD])
def test_there_is_something_for_every_purpose(room: Room) -> None:
    for purpose in PURPOSES:
        assert recommended(room, purpose)


def test_a_name_without_a_size_is_one_that_fits() -> None:
    assert fitting_tag(entry("qwen3"), WORKSTATION).name == "qwen3:8b"
    assert fitting_tag(entry("qwen3"), LAPTOP).name == "qwen3:4b"
    assert fitting_tag(entry("llama3.3"), LAPTOP).name == "llama3.3:70b"


def test_the_room_of_a_machine() -> None:
    cpu = DeviceInfo(name="CPU", kind="cpu", memory_total=100)
    gpu = DeviceInfo(name="CUDA0", kind="cuda", description="H1", memory_total=1000)
    assert room_on([cpu], 80) == Room(0, 80)
    assert room_on([gpu, cpu], 980) == Room(900, 900)
    assert room_on([gpu, cpu], 500) == Room(500, 500)
    # Two engines know one card, and what shares the main memory is that.
    again = DeviceInfo(name="Vulkan0", kind="vulkan", description="H1", memory_total=1000)
    assert room_on([gpu, again, cpu], 980) == Room(900, 900)
    shared = DeviceInfo(name="Vulkan1", kind="vulkan", memory_total=90, integrated=True)
    assert room_on([shared, cpu], 80) == Room(0, 80)
