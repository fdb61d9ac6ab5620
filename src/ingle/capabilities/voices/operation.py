"""Voices: which there are, of all models that speak."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingle.operations.operation import Event, Operation


class Voices(Operation, frozen=True, kw_only=True, tag="voices"):
    """List the voices of this device's models. Answered by one `VoiceList`."""

    model: Annotated[str, msgspec.Meta(max_length=512)] = ""
    """Only those of this one; empty: of all."""
    language: Annotated[str, msgspec.Meta(max_length=35)] = ""
    """Only those that speak it, as ``en`` or ``en-GB``; empty: any."""


class Voice(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A voice of a model that is here."""

    name: str
    model: str
    language: str
    """As a BCP 47 tag."""
    title: str = ""
    """For people, such as ``English (America)``."""
    gender: str = ""
    """``female`` or ``male``; empty: the model does not say."""
    licence: str = ""
    """Of the model; empty: it does not say."""
    sample: str
    """A sentence in its language, to hear it by."""


class VoiceList(Event, frozen=True, kw_only=True, tag="voices.list"):
    """The voices, each model's own choice first."""

    voices: list[Voice]
