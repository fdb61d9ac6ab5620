"""Models: names, files, the store, sources and fit."""

from __future__ import annotations

from ingle.models.facts import Facts
from ingle.models.fit import predict
from ingle.models.model import Model, ModelFile
from ingle.models.ref import ModelRef
from ingle.models.store import Store

__all__ = ["Facts", "Model", "ModelFile", "ModelRef", "Store", "predict"]
