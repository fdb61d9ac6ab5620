"""Detect: which language a text is in."""

from __future__ import annotations

from ingle.capabilities.detect.cost import COST
from ingle.capabilities.detect.operation import Detect, Detected
from ingle.operations.capability import Capability, Command, Grantable

CAPABILITY = Capability(
    name="detect",
    summary="Say which language texts are in.",
    operations=(Detect,),
    events=(Detected,),
    permission=Grantable(presets=("family",)),
    cost=COST,
    commands={
        "detect": Command(
            "ingle.capabilities.detect.cli:detect_command", "Say which language a text is in."
        )
    },
    methods="ingle.capabilities.detect.client:DetectMethods",
)
