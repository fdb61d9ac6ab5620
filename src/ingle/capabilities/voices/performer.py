"""The voices of this node's models, read from what the store knows of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator

from ingle.capabilities.voices.operation import Voice, VoiceList, Voices
from ingle.capabilities.voices.sample_sentences import sample
from ingle.models.store import Store
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Event, Operation
from ingle.operations.capability import require

ABILITY = "speak"


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """One `VoiceList`."""
    assert isinstance(operation, Voices)
    store = node.local.store
    yield VoiceList(voices=await asyncio.to_thread(lambda: list(_voices(store, operation))))


def _voices(store: Store, asked: Voices) -> Iterator[Voice]:
    if asked.model:
        model = store.resolve(asked.model)
        require(ABILITY, model.name, model.capabilities)
        models = [model]
    else:
        found = [summary for summary in store.models() if ABILITY in summary.capabilities]
        models = [store.resolve(summary.name) for summary in found]
    wanted = asked.language.lower().replace("_", "-")
    for model in models:
        for voice in model.facts.voices:
            language = voice.language.lower()
            if not wanted or language == wanted or language.startswith(f"{wanted}-"):
                yield Voice(
                    name=voice.name,
                    model=model.name,
                    language=voice.language,
                    title=voice.title,
                    gender=voice.gender,
                    licence=model.facts.licence,
                    sample=sample(voice.language),
                )
