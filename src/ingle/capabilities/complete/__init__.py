"""Complete: a raw prompt in, its continuation out."""

from __future__ import annotations

from ingle.capabilities.complete.cost import COST
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.complete.serving import serve
from ingle.operations import Finish, Note, Text, Usage
from ingle.operations.capability import Capability, Grantable

CAPABILITY = Capability(
    name="complete",
    summary="Continue a raw prompt, with no chat template.",
    operations=(Complete,),
    events=(Text, Note, Finish, Usage),
    permission=Grantable(presets=("family",)),
    cost=COST,
    serve=serve,
    performer="ingle.capabilities.complete.performer:perform",
    resume="ingle.capabilities.complete.resume:CompleteAnswer",
    routes="ingle.capabilities.complete.http:table",
    methods="ingle.capabilities.complete.client:CompleteMethods",
)
