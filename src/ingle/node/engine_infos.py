"""What the node tells of its engines."""

from __future__ import annotations

from collections.abc import Mapping

from ingle.capabilities.node.operation import EngineInfo
from ingle.config import Settings
from ingle.engines.choice import choose, speed
from ingle.engines.installed import installed
from ingle.engines.llama.builds import builds
from ingle.engines.probe import EngineReport
from ingle.errors import IngleError


def engine_infos(settings: Settings, reports: Mapping[str, EngineReport]) -> list[EngineInfo]:
    """Every engine, also those that are installed and cannot be used; the chosen one is marked."""
    found = {
        name: EngineInfo(
            name=name,
            version=report.version,
            devices=report.devices,
            lacking=report.lacking,
            problem=report.problem,
            absent=report.absent,
            speed=speed(settings, name),
        )
        for name, report in reports.items()
    }
    for name, build in builds(settings).items():
        if name in found:
            found[name].path = build.server_binary or build.packages
    for name, engine in installed(settings.state_path).items():
        if engine.problem:
            problem = f"{engine.problem} (ingle engine install {name})"
            found[name] = EngineInfo(name=name, path=str(engine.folder), problem=problem)
    try:
        chosen = choose("gguf", "generate", settings, reports)
    except IngleError:  # the owner's choice is missing: requests say so
        return list(found.values())
    info = found.setdefault(chosen.engine.name, EngineInfo(name=chosen.engine.name))
    info.chosen, info.reason = True, chosen.reason
    return list(found.values())
