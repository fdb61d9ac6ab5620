"""Models that were loaded from a file which is found damaged: unloaded, and named."""

from __future__ import annotations

import logging

import msgspec

from ingle.node.loaded_model import LoadedModel
from ingle.node.scheduler import Scheduler
from ingle.operations.damaged_file import DamagedFile

log = logging.getLogger(__name__)


async def unloaded(scheduler: Scheduler, damaged: DamagedFile) -> DamagedFile:
    """End at once what was loaded from a damaged file. Returns it with their names."""
    using = [one for one in scheduler.loaded_models if _uses(one, damaged)]
    keys = [key for one in using for key in scheduler.keys_of(one.spec.digest)]
    names = sorted({one.name for one in using})
    log.error(
        "%s of %s %s%s; %s",
        damaged.path,
        ", ".join(damaged.models),
        damaged.reason,
        f" and was unloaded from {', '.join(names)}" if names else "",
        damaged.command,
    )
    await scheduler.unload(keys, force=True)
    return msgspec.structs.replace(damaged, unloaded=names)


def _uses(loaded: LoadedModel, damaged: DamagedFile) -> bool:
    by_adapter = any(adapter.path == damaged.path for adapter in loaded.spec.adapters)
    return by_adapter or loaded.spec.digest in damaged.digests
