"""Imagine: a text in, pictures out."""

from __future__ import annotations

from ingle.capabilities.imagine.cost import COST
from ingle.capabilities.imagine.operation import (
    Imagine,
    Imagined,
    ImagineStep,
    Picture,
    PicturePreview,
)
from ingle.operations.capability import Capability, Command, Grantable
from ingle.operations.events import Note

CAPABILITY = Capability(
    name="imagine",
    summary="Draw pictures from a text.",
    operations=(Imagine,),
    events=(ImagineStep, PicturePreview, Picture, Imagined, Note),
    permission=Grantable(presets=("family",)),
    cost=COST,
    commands={
        "imagine": Command(
            "ingle.capabilities.imagine.cli.imagine_command:imagine_command",
            "Draw pictures from a text.",
        )
    },
    routes="ingle.capabilities.imagine.http:table",
    methods="ingle.capabilities.imagine.client:ImagineMethods",
)
