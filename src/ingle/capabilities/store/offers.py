"""What could be pulled: what a name would bring, and which models suit this machine."""

from __future__ import annotations

from ingle.capabilities.store.operation import (
    ModelOffer,
    OfferedModel,
    Pull,
    Recommendations,
)
from ingle.errors import InvalidRequest, ModelNotFound, NetworkError
from ingle.models import catalogue, quantization
from ingle.models.format import TEMPLATE, WEIGHTS
from ingle.models.nearest import nearest, or_nearest
from ingle.models.pull_plan import PullPlan
from ingle.models.quantization import Room, quant_of
from ingle.models.recommendation import (
    PURPOSES,
    Suggestion,
    fitting_tag,
    recommended,
    room_on,
    suggestion,
)
from ingle.models.ref import DEFAULT_TAG, ModelRef
from ingle.models.sources import CacheSource, HubSource, MozillaSource, parse_source
from ingle.models.sources.caches import CachedModel
from ingle.models.sources.web import Unreachable, Web
from ingle.models.threads import in_thread
from ingle.node.memory_budget import cpu_device, may_have_gpu
from ingle.node.performing import Services


async def room_here(local: Services) -> Room:
    """What models may have on this machine. Asks the engines only where there may be a GPU."""
    asked = local.devices.known or may_have_gpu()
    devices = await local.devices.found() if asked else [cpu_device()]
    return room_on(devices, local.scheduler.budget)


async def offered(local: Services, name: str) -> OfferedModel:
    """What a pull of a name would fetch.

    Raises:
        ModelNotFound: nothing that we know of has it.
        InvalidRequest: it is no name.
        Unauthorized, NetworkError, EgressRefused: as a pull.
    """
    room = await room_here(local)
    source = parse_source(
        Pull(model=name),
        hub=local.settings.hub,
        translations=local.settings.translation_catalogue,
        room=room,
    )
    if isinstance(source, CacheSource):
        if cached := await in_thread(source.found):
            return OfferedModel(offer=_on_disk(name, cached, room))
        if source.elsewhere is None:
            local.store.resolve(name)  # raises ModelNotFound, with the nearest names
        ref = source.wanted
        if entry := catalogue.find(ref):
            entry = fitting_tag(entry, room) if ref.tag == DEFAULT_TAG else entry
            offer = _catalogued(suggestion(entry, room), room)
            offer.model = name
            return OfferedModel(offer=offer)
        assert source.elsewhere is not None
        source = source.elsewhere
    if not isinstance(source, HubSource | MozillaSource):
        raise ModelNotFound(f"no model {name} here", hint=f"ingle pull {name}", model=name)
    web = Web(token=source.token, token_url=source.endpoint, egress=local.settings.egress)
    async with web:
        try:
            plan = await source.plan(web)
        except Unreachable as cause:
            raise NetworkError(str(cause), hint="check the connection") from None
    return OfferedModel(offer=_planned(name, plan, room))


def recommendations(room: Room, purpose: str, family: str) -> Recommendations:
    """Which models of the catalogue suit a machine.

    Raises:
        InvalidRequest: there is no such purpose.
        ModelNotFound: there is no such family; names the nearest.
    """
    if family:
        entries = catalogue.tags_of(family)
        if not entries:
            families = sorted({entry.family for entry in catalogue.catalogued()})
            near = nearest(ModelRef.parse(family), families)
            raise ModelNotFound(
                f"no well-known models are called {family}{or_nearest(near)}",
                hint=f"ingle recommend {near[0]}" if near else "ingle recommend",
                model=family,
                nearest=near,
            )
        sizes = [_catalogued(suggestion(entry, room), room) for entry in entries]
        return Recommendations(purposes={family: sizes})
    if purpose and purpose not in PURPOSES:
        raise InvalidRequest(
            f"purpose: {purpose!r} is none of {', '.join(PURPOSES)}", field="purpose"
        )
    wanted = [purpose] if purpose else list(PURPOSES)
    return Recommendations(
        purposes={
            each: [_catalogued(found, room) for found in recommended(room, each)] for each in wanted
        }
    )


def _catalogued(found: Suggestion, room: Room) -> ModelOffer:
    entry = found.entry
    return ModelOffer(
        model=entry.name,
        source=f"hf.co/{entry.repo}" + (f"/{entry.file}" if entry.file else ""),
        quantization=found.quantization,
        size=found.weights,
        estimated=True,
        needed=found.needed,
        available=room.main,
        fits=found.fits,
        where=found.where,
        why=found.why,
        licence=entry.licence,
        gated=entry.gated,
        about=entry.about,
        purposes=list(entry.purposes),
        parameters=entry.parameters,
    )


def _planned(name: str, plan: PullPlan, room: Room) -> ModelOffer:
    sizes = [file.size for file in plan.files if file.role != TEMPLATE]
    weights = [file.name for file in plan.files if file.role == WEIGHTS]
    quant = quant_of(weights[0].removesuffix(".gguf")) if len(weights) == 1 else ""
    size = sum(sizes) if all(sizes) else 0
    return _measured(
        ModelOffer(model=name, source=plan.source, quantization=quant, size=size), room
    )


def _on_disk(name: str, cached: CachedModel, room: Room) -> ModelOffer:
    offer = ModelOffer(model=name, source=f"{cached.program} on this disk", size=cached.size)
    return _measured(offer, room)


def _measured(offer: ModelOffer, room: Room) -> ModelOffer:
    offer.needed = quantization.needed(offer.size) if offer.size else 0
    offer.available = room.main
    offer.fits = offer.needed <= room.main
    if offer.fits and offer.needed:
        offer.where = "graphics" if offer.needed <= room.graphics else "main"
    return offer
