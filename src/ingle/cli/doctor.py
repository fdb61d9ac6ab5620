"""``ingle doctor``: check everything, and say how to fix it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from ingle.capabilities.node.operation import NodeStatus, StatusReport
from ingle.cli.command import flags, options, run
from ingle.cli.engine.engine_findings import engine_findings
from ingle.cli.finding import Finding
from ingle.cli.output import Output, size
from ingle.cli.repair import damage
from ingle.cli.sandbox_findings import sandbox_findings
from ingle.config import Settings, load
from ingle.errors import IngleError
from ingle.operations import registry
from ingle.operations.capability import load as load_part
from ingle.private_folders import open_to_others, private_parts

LOW_DISK = 5 * 2**30
LOW_MEMORY = 2 * 2**30


@click.command("doctor")
@click.option("--repair", is_flag=True, help="Repair damaged settings, databases and records.")
@options
def doctor_command(output: Output, repair: bool) -> None:
    """Check engines, devices, memory, disk, sandbox and settings; each with how to fix it.

    Exit status 1: something failed.
    """
    findings = [*(_repairs() if repair else ()), *_findings()]
    if output.json:
        output.data([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            output.text(f"{finding.state:4}  {finding.name}: {finding.text}")
            if finding.fix:
                output.text(f"      fix: {finding.fix}")
    if any(finding.state == "fail" for finding in findings):
        click.get_current_context().exit(1)


def _findings() -> Iterator[Finding]:
    yield Finding("python", "ok", f"{sys.version.split()[0]} on {sys.platform}")
    try:
        settings, _ = load(flags())
    except IngleError as error:
        fix = f"{error.hint}, or: ingle doctor --repair" if error.hint else "ingle doctor --repair"
        yield Finding("settings", "fail", error.message, fix)
        return
    yield Finding("settings", "ok", "every value is valid")
    yield _state(settings)
    yield _disk(settings)
    yield from damage(settings.state_path, settings.models_path)
    yield from sandbox_findings()
    yield from _server_binary(settings)
    yield from _node(settings)
    yield from _capabilities(settings)


def _repairs() -> Iterator[Finding]:
    from ingle.cli.repair import repair, repair_settings

    yield from repair_settings()
    settings, _ = load(flags())
    yield from repair(settings.state_path, settings.models_path)


def _state(settings: Settings) -> Finding:
    path = settings.state_path
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        return Finding("state", "fail", f"{path}: {error.strerror}", "set INGLE_STATE_DIR")
    if not os.access(path, os.W_OK):
        return Finding("state", "fail", f"{path} is not writable", f"chmod u+w {path}")
    if wide := [
        str(part) for part in private_parts(path, settings.models_path) if open_to_others(part)
    ]:
        text = f"open to other users: {', '.join(wide)}"
        return Finding("state", "warn", text, f"chmod go= {shlex.join(wide)}")
    return Finding("state", "ok", str(path))


def _disk(settings: Settings) -> Finding:
    path: Path = settings.models_path
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free
    text = f"{size(free)} free for models at {settings.models_path}"
    if free < LOW_DISK:
        return Finding("disk", "warn", text, "ingle prune, or set models_dir to a larger disk")
    return Finding("disk", "ok", text)


def _server_binary(settings: Settings) -> Iterator[Finding]:
    """The setting as it is here; a running node may have another one."""
    binary = settings.llama_server
    if binary and not os.access(binary, os.X_OK):
        fix = "ingle config unset llama_server"
        yield Finding("llama-server", "fail", f"{binary} is not executable", fix)


def _node(settings: Settings) -> Iterator[Finding]:
    async def ask() -> StatusReport:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.ask(NodeStatus(probe=True), StatusReport)

    try:
        report = run(ask)
    except IngleError as error:
        yield Finding("node", "fail", error.message, error.hint)
        return
    yield Finding("node", "ok", f"process {report.pid}, version {report.version}")
    for device in report.devices:
        text = f"{device.description or device.kind}, {size(device.memory_free)} free of "
        text += size(device.memory_total)
        if device.memory_free < LOW_MEMORY:
            yield Finding(f"device {device.name}", "warn", text, "close other programs")
        else:
            yield Finding(f"device {device.name}", "ok", text)
    yield from engine_findings(report)
    for name in report.upstreams:
        variable = settings.upstreams[name].api_key_env
        if variable and not os.environ.get(variable):
            text = f"its key is looked for in {variable}, which is not set"
            yield Finding(f"upstream {name}", "warn", text, f"export {variable}=...")


def _capabilities(settings: Settings) -> Iterator[Finding]:
    """What capabilities say themselves, and which plug-ins there are, of whatever kind."""
    from ingle.engines.declarations import ENGINES
    from ingle.models.formats import FORMATS

    for name, capability in registry.everything().items():
        if name not in registry.built_in():
            yield Finding(f"plug-in {name}", "ok", capability.summary)
        if capability.doctor:
            yield from load_part(capability.doctor)(settings)
    for problem in (*registry.problems(), *ENGINES.problems(), *FORMATS.problems()):
        name = str(problem.details.get("name", ""))
        yield Finding(f"plug-in {name}", "warn", problem.message, problem.hint)
