"""Translate: texts and documents from one language into another."""

from __future__ import annotations

from ingle.capabilities.translate.cost import COST
from ingle.capabilities.translate.operation import (
    Translate,
    TranslatedBytes,
    TranslatedText,
    Translation,
    TranslationProgress,
)
from ingle.capabilities.translate.serving import serving
from ingle.operations.capability import Capability, Command, Grantable
from ingle.operations.events import Note

CAPABILITY = Capability(
    name="translate",
    summary="Translate texts and documents.",
    operations=(Translate,),
    events=(TranslatedText, TranslatedBytes, TranslationProgress, Note, Translation),
    permission=Grantable(presets=("family",)),
    cost=COST,
    commands={
        "translate": Command(
            "ingle.capabilities.translate.cli:translate_command",
            "Translate texts and documents.",
        )
    },
    serve=serving,
    routes="ingle.capabilities.translate.http:table",
    methods="ingle.capabilities.translate.client:TranslateMethods",
)
