"""Ask: answers from a collection's passages. The data are those of ``collections``.

It is a capability of its own so that a grant can allow it without giving the files.
"""

from __future__ import annotations

from ingle.capabilities.ask.cost import COST
from ingle.capabilities.collections.operation import (
    AskCollection,
    CollectionAnswer,
    SearchResults,
)
from ingle.operations import Status, Text
from ingle.operations.capability import Capability, Command, Grantable

CAPABILITY = Capability(
    name="ask",
    summary="Answer questions from a collection.",
    operations=(AskCollection,),
    events=(SearchResults, CollectionAnswer, Status, Text),
    permission=Grantable(presets=("family", "guest")),
    cost=COST,
    performer="ingle.capabilities.collections.collection_access:perform",
    commands={
        "ask": Command(
            "ingle.capabilities.collections.cli.ask_command:ask_command", "Ask a collection."
        )
    },
)
