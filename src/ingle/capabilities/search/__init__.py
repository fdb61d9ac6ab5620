"""Search: passages of a collection. The data are those of ``collections``.

It is a capability of its own so that a grant can allow it without giving the files.
"""

from __future__ import annotations

from ingle.capabilities.collections.operation import SearchCollection, SearchResults
from ingle.capabilities.search.cost import COST
from ingle.operations.capability import Capability, Command, Grantable

CAPABILITY = Capability(
    name="search",
    summary="Find passages in a collection.",
    operations=(SearchCollection,),
    events=(SearchResults,),
    permission=Grantable(presets=("family", "guest")),
    cost=COST,
    performer="ingle.capabilities.collections.collection_access:perform",
    commands={
        "search": Command(
            "ingle.capabilities.collections.cli.search_command:search_command",
            "Search a collection.",
        )
    },
)
