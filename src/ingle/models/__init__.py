"""Models: names, files, formats, the store and sources.

::

    store = Store(root)
    from ingle.models.pull import pull                    # asyncio: imported when used
    async for event in pull(store, Pull(model="hf.co/owner/repo:Q4_K_M")): ...
    model = store.resolve("hf.co/owner/repo:Q4_K_M")      # verified files and their facts
"""

from __future__ import annotations

from ingle.models.facts import Facts
from ingle.models.model import Model, ModelFile
from ingle.models.ref import ModelRef
from ingle.models.store import Store

__all__ = ["Facts", "Model", "ModelFile", "ModelRef", "Store"]
