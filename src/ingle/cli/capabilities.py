"""``ingle capabilities``: what a node can be asked, read off the declarations."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import click
import msgspec

from ingle.cli.command import options
from ingle.cli.output import Output
from ingle.errors import NotFound
from ingle.operations import Event, Operation, operation_name, registry
from ingle.operations.capability import Capability, Cost, Free, Grantable, Granted, OwnerOnly


@click.command("capabilities")
@click.argument("name", default="")
@options
def capabilities_command(output: Output, name: str) -> None:
    """What can be asked of a node, who may ask it, and what it is counted in.

    With NAME: that one in full, as a page of Markdown. Plug-ins are listed, too.
    """
    if name:
        capability = registry.find(name)
        if capability is None:
            raise NotFound(f"there is no capability {name!r}", hint="ingle capabilities")
        if output.json:
            output.data(described(capability))
        else:
            output.text(page(capability))
        return
    found = registry.everything().values()
    if output.json:
        output.data([described(capability) for capability in found])
        return
    output.table(
        ("NAME", "WHO MAY ASK", "COUNTED IN", "WHAT"),
        [
            (capability.name, permission(capability), unit(capability), capability.summary)
            for capability in found
        ],
    )
    for problem in registry.problems():
        output.note(problem.message)


def described(capability: Capability) -> dict[str, Any]:
    """A capability as plain data."""
    return {
        "name": capability.name,
        "summary": capability.summary,
        "version": capability.version,
        "permission": permission(capability),
        "unit": unit(capability),
        "route": capability.route,
        "operations": [operation_name(kind) for kind in capability.operations],
        "events": [str(kind.__struct_config__.tag) for kind in capability.events],
        "resumes": bool(capability.resume),
        "commands": list(capability.commands),
        "plugin": capability.name not in registry.built_in(),
    }


def permission(capability: Capability) -> str:
    """Who may ask it, in words."""
    match capability.permission:
        case OwnerOnly():
            return "owner"
        case Grantable():
            return "granted devices"
        case Granted():
            return "with another grant"
    return "paired devices"


def unit(capability: Capability) -> str:
    """What it is counted in, in words."""
    match capability.cost:
        case Cost(unit=unit):
            return unit
        case Free() if not isinstance(capability.permission, OwnerOnly):
            return "requests"
    return "-"


def page(capability: Capability) -> str:
    """A capability's page of the reference, in Markdown."""
    where = "where its model is" if capability.route == "model" else "on the node that is asked"
    lines = [
        f"## {capability.name}",
        "",
        capability.summary,
        "",
        f"Who may ask: {permission(capability)}. Counted in: {unit(capability)}. "
        f"Runs {where}. Version {capability.version}.",
    ]
    if capability.granted:
        lent = ", ".join(f"`{operation_name(kind)}`" for kind in capability.granted)
        lines += ["", f"With another grant also: {lent}."]
    if capability.commands:
        commands = ", ".join(f"`ingle {name}`" for name in capability.commands)
        lines += ["", f"Commands: {commands}."]
    for kind in capability.operations:
        lines += ["", f"### `{operation_name(kind)}`", "", *_struct(kind)]
    own = [kind for kind in capability.events if kind.__module__ != "ingle.operations.events"]
    for event in own:
        lines += ["", f"### event `{event.__struct_config__.tag}`", "", *_struct(event)]
    return "\n".join(lines)


def _struct(kind: type[Operation] | type[Event]) -> Iterator[str]:
    text = (inspect.getdoc(kind) or "").split("\n\n")[0]
    yield " ".join(text.split()).replace("``", "`")
    fields = msgspec.structs.fields(kind)
    if not fields:
        return
    yield ""
    yield "| field | type | default |"
    yield "| --- | --- | --- |"
    for field in fields:
        default = "required"
        if not field.required:
            made = field.default_factory
            value = field.default if made is msgspec.NODEFAULT else made()
            default = f"`{_plain(value)}`"
        yield f"| `{field.name}` | `{_type(field.type)}` | {default} |"


def _plain(value: Any) -> str:
    if isinstance(value, msgspec.Struct):
        return type(value).__name__
    return msgspec.json.encode(value).decode()


def _type(kind: Any) -> str:
    text = inspect.formatannotation(kind) if not isinstance(kind, type) else kind.__name__
    if text.startswith("typing.Annotated["):
        text = text[len("typing.Annotated[") :].partition(", Meta")[0].partition(", msgspec")[0]
    return text.replace("typing.", "").replace("|", "\\|").rpartition("operation.")[2] or text
