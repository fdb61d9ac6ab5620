"""Which models suit a machine: of the catalogue, by the memory that there is.

From the authors' counts of parameters alone, so that it works without a network: about, not
exactly. What it goes by:

- A model fits if its weights, a tenth more for caches and scratch, and a process fit.
- On a graphics processor, the larger the better.
- On a processor, each token reads all active weights from memory once, which is what its speed is
  bound by: a model that reads more than `CPU_BYTES` for a token is too slow to talk to, whatever
  the memory holds.
- Four bits per parameter are the measure: with fewer a smaller model of the same family is as good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ingle.models import catalogue
from ingle.models.catalogue import CataloguedModel
from ingle.models.quantization import BITS, SMALL_BYTES, Room, needed, weights_bytes
from ingle.operations import DeviceInfo

CPU_BYTES = 5 << 30
"""Read for each token at most: four tokens a second with the 20 GB/s that slow desktops have."""
TEXTS_BYTES = 1 << 30
"""The same of what reads many texts, to embed or to rank them, and of what hears and speaks."""
FEWEST_BITS = 4.5
GRAPHICS_SHARE = 0.9
MAIN_SHARE = 0.8
DRAWN_BYTES = 3 << 30
"""The same of what draws: a minute or two for a picture."""
PURPOSES = (
    "chat", "reasoning", "code", "vision", "embed", "rerank", "transcribe", "speak", "imagine",
)  # fmt: skip
"""What is recommended for, in the order shown."""
_QUICK = {"embed", "rerank", "transcribe", "speak"}
_SHOWN = 3


class Suggestion(NamedTuple):
    """A model of the catalogue, and how it suits this machine."""

    entry: CataloguedModel
    quantization: str
    weights: int
    """About its bytes on the disk."""
    needed: int
    """About its bytes in memory."""
    fits: bool
    where: str
    """``graphics``, ``main`` (memory, the processor computes) or empty."""
    why: str
    """One sentence."""


def room_on(devices: Sequence[DeviceInfo], budget: int) -> Room:
    """What models may have here.

    Args:
        budget: Bytes that all models together may use, by the owner's setting.
    """
    cards = {device.card: device for device in devices if device.kind != "cpu"}
    graphics = sum(
        int(card.memory_total * GRAPHICS_SHARE) for card in cards.values() if not card.integrated
    )
    main = sum(int(device.memory_total * MAIN_SHARE) for device in devices if device.kind == "cpu")
    return Room(min(graphics, budget), min(max(graphics, main), budget))


def suggestion(entry: CataloguedModel, room: Room) -> Suggestion:
    """How one model suits a machine, with the quantisation that suits it best."""
    if entry.size:
        quant, weights, read = entry.quantization, entry.size, entry.size
    else:
        quant = entry.quantization if entry.quantization in BITS else _quantization(entry, room)
        weights = weights_bytes(entry.parameters, quant)
        read = weights_bytes(entry.active, quant)
    need = needed(weights)
    if need <= room.graphics:
        where, why = "graphics", "it fits into the memory of the graphics processor"
    elif need <= room.main and read <= _most_read(entry):
        each = "is small" if entry.size else f"reads {_gib(read)} a token"
        where, why = "main", f"it fits, and {each}: fast enough for a processor"
    elif need <= room.main:
        each = "is large" if entry.size else f"reads {_gib(read)} a token"
        where, why = "main", f"it fits, but {each}: slow on a processor"
    else:
        where, why = "", f"it takes about {_gib(need)}; models may have {_gib(room.main)} here"
    return Suggestion(entry, quant, weights, need, bool(where), where, why)


def suits(found: Suggestion) -> bool:
    """It fits with four bits or more, and is fast enough to talk to."""
    entry = found.entry
    if not entry.size and BITS[found.quantization] < FEWEST_BITS:
        return False
    read = entry.size or weights_bytes(entry.active, found.quantization)
    fast = read <= _most_read(entry)
    return found.where == "graphics" or (found.where == "main" and fast)


def recommended(room: Room, purpose: str) -> list[Suggestion]:
    """The best few for a purpose: of each family the largest that suits, newest families first."""
    best: dict[str, Suggestion] = {}
    for entry in catalogue.catalogued():
        found = suggestion(entry, room)
        if purpose in entry.purposes and suits(found):
            before = best.get(entry.family)
            if before is None or entry.parameters > before.entry.parameters:
                best[entry.family] = found
    return list(best.values())[:_SHOWN]


def fitting_tag(entry: CataloguedModel, room: Room) -> CataloguedModel:
    """The entry if it suits the machine, else the largest smaller one of its family that does.

    The entry itself where none does: a pull of it says what it takes.
    """
    if suits(suggestion(entry, room)):
        return entry
    smaller = [
        other
        for other in catalogue.tags_of(entry.family)
        if other.parameters < entry.parameters and suits(suggestion(other, room))
    ]
    return max(smaller, key=lambda other: other.parameters) if smaller else entry


def _quantization(entry: CataloguedModel, room: Room) -> str:
    """As `quantization.choose` would, of what most repositories have."""
    if weights_bytes(entry.parameters, "Q8_0") <= SMALL_BYTES:
        return "Q8_0"
    for limit in (room.graphics, room.main):
        for quant in ("Q4_K_M", "Q3_K_M"):
            if needed(weights_bytes(entry.parameters, quant)) <= limit:
                return quant
    return "Q4_K_M"


def _most_read(entry: CataloguedModel) -> int:
    """Bytes for each token with which it is fast enough on a processor, for what it does."""
    if "imagine" in entry.purposes:
        return DRAWN_BYTES
    return TEXTS_BYTES if _QUICK & set(entry.purposes) else CPU_BYTES


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
