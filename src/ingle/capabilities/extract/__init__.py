"""Extract: the text of documents, with its structure."""

from __future__ import annotations

from ingle.capabilities.extract.cost import COST
from ingle.capabilities.extract.operation import Extract, Extracted, ExtractedBlocks
from ingle.operations.capability import Capability, Command, Grantable

CAPABILITY = Capability(
    name="extract",
    summary="Read the text of documents.",
    operations=(Extract,),
    events=(ExtractedBlocks, Extracted),
    permission=Grantable(presets=("family",)),
    cost=COST,
    commands={
        "extract": Command(
            "ingle.capabilities.extract.cli:extract_command", "Read the text of documents."
        )
    },
    methods="ingle.capabilities.extract.client:ExtractMethods",
)
