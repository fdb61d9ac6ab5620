"""What paired devices ask of each other, beside the work that grants allow."""

from __future__ import annotations

from ingle.capabilities.peering.operation import (
    Expect,
    Introduce,
    Introduced,
    News,
    Offer,
    Offered,
)
from ingle.operations import Done
from ingle.operations.capability import Capability, Free, PairedDevices

CAPABILITY = Capability(
    name="peering",
    # 2: it reads grants with limits of other units (`grants.Grant.per_day`)
    # 3: it reads grants of collections (`grants.Grant.collections`)
    version=3,
    summary="What paired devices tell each other: what is offered, where a third one is.",
    operations=(Offer, News, Introduce, Expect),
    events=(Offered, Introduced, Done),
    permission=PairedDevices(),
    cost=Free(),
    performer="ingle.capabilities.peering.performer:perform",
)
