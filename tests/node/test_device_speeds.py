"""What devices were seen to read, and what is expected of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import ingle
from ingle import Settings
from ingle.engines.declaration import MemoryNeed
from ingle.engines.engine import LoadSpec
from ingle.engines.llama.declaration import LLAMA
from ingle.node.device_speeds import FILE, MOST_CARDS, DeviceSpeeds
from ingle.node.loaded_model import LoadedModel
from ingle.operations import DeviceInfo, Timing

CPU = DeviceInfo(name="CPU", kind="cpu", memory_total=1)
CARD = DeviceInfo(name="CUDA0", kind="cuda", engine="llama", description="a card", memory_total=2)


def model(*read: tuple[str, int]) -> LoadedModel:
    spec = LoadSpec(engine="llama", model="m")
    return LoadedModel(spec, LLAMA, 0, "", 0.0, need=MemoryNeed(read=read))


def answer(rate: float, tokens: int = 100) -> Timing:
    return Timing(decode_rate=rate, decode_s=tokens / rate)


def test_the_best_of_each_card_is_kept(tmp_path: Path) -> None:
    speeds = DeviceSpeeds(tmp_path)
    assert speeds.of(CARD) is None
    for rate in (10.0, 30.0, 20.0):
        speeds.learn(model(("CUDA0", 1000)), answer(rate), [CARD, CPU])
    speeds.learn(model(("CPU", 500)), answer(2.0), [CARD, CPU])
    again = DeviceSpeeds(tmp_path)
    assert (again.of(CARD), again.of(CPU)) == (30_000.0, 1000.0)
    # The same card through another engine has not been seen.
    assert again.of(DeviceInfo(name="Vulkan0", kind="vulkan", engine="llama-server")) is None


@pytest.mark.parametrize(
    ("read", "tokens", "active"),
    [
        ((("CUDA0", 1000), ("CPU", 10)), 100, 1),
        ((), 100, 1),
        ((("CUDA0", 1000),), 3, 1),
        ((("CUDA0", 1000),), 100, 2),
        ((("CUDA7", 1000),), 100, 1),
    ],
)
def test_other_answers_say_nothing(
    tmp_path: Path, read: tuple[tuple[str, int], ...], tokens: int, active: int
) -> None:
    loaded = model(*read)
    loaded.active = active
    speeds = DeviceSpeeds(tmp_path)
    speeds.learn(loaded, answer(10.0, tokens), [CARD, CPU])
    assert speeds.of(CARD) is None
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"CPU": "fast"}', b"\xff" * 100])
def test_a_damaged_file_is_measured_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    speeds = DeviceSpeeds(tmp_path)
    assert speeds.of(CPU) is None
    speeds.learn(model(("CPU", 500)), answer(2.0), [CPU])
    assert DeviceSpeeds(tmp_path).of(CPU) == 1000.0


def test_only_so_many_cards_are_kept(tmp_path: Path) -> None:
    speeds = DeviceSpeeds(tmp_path)
    for number in range(MOST_CARDS + 5):
        card = DeviceInfo(name="CUDA0", kind="cuda", engine="llama", description=f"card {number}")
        speeds.learn(model(("CUDA0", 1000)), answer(10.0), [card])
    assert (tmp_path / FILE).read_text().count(":") == MOST_CARDS


@pytest.mark.anyio
async def test_fit_expects_a_speed_once_one_was_seen(settings: Settings) -> None:
    async with ingle.open_async(settings) as home:
        before = (await home.fit("ember"))[-1]
        assert (before.device, before.decode_rate) == ("CPU", None)
        await home.complete([300], "ember", max_tokens=40, ignore_eos=True, temperature=0.0)
        after = (await home.fit("ember"))[-1]
        assert after.decode_rate is not None
        assert after.decode_rate > 0
