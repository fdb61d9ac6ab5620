"""What ``ingle doctor`` says of engines and graphics devices."""

from __future__ import annotations

from collections.abc import Iterator

from ingle.capabilities.node.operation import EngineInfo, StatusReport
from ingle.cli.engine.graphics_advice import advice
from ingle.cli.finding import Finding
from ingle.engines.llama.builds import FOUND
from ingle.engines.recipes import BACKENDS


def engine_findings(report: StatusReport) -> Iterator[Finding]:
    """Each engine, whether it can be used and whether it is; and graphics devices left unused."""
    for engine in sorted(report.installed_engines, key=lambda engine: engine.name):
        name = f"engine {engine.name}"
        if engine.absent:
            yield Finding(name, "ok", f"left out: {engine.problem}")
        elif engine.problem:
            yield Finding(name, "fail", engine.problem, _fix(engine))
        else:
            chosen = f"; chosen: {engine.reason}" if engine.chosen else ""
            yield Finding(name, "ok", f"{engine.version}{_without(engine)}{chosen}")
    told = advice(report.installed_engines)
    if told is not None:
        yield Finding("graphics", "warn", told.text, told.command)


def _fix(engine: EngineInfo) -> str:
    if engine.name in BACKENDS:
        return f"ingle engine install {engine.name}"
    if engine.name == FOUND:
        return "ingle config set llama_server PATH, or: ingle engine use llama"
    return "pip install --upgrade ingle"


def _without(engine: EngineInfo) -> str:
    """Which optional flags an older program lacks."""
    return f"; without {', '.join(engine.lacking)}" if engine.lacking else ""
