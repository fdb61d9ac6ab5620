"""Every operation has a permission, a cost, a route, and is found again by its name."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import ingle.capabilities
from ingle.capabilities.chat.http.background_responses import RecordedEvent
from ingle.node.performing import Caller
from ingle.operations import Event, ModelOperation, Operation, operation_name, registry
from ingle.operations.capability import (
    Capability,
    Cost,
    Free,
    Grantable,
    Granted,
    OwnerOnly,
    PairedDevices,
    Uncounted,
    load,
    op_tags,
)

BUILT_IN = registry.built_in()


def every(kind: type) -> set[type]:
    """All classes below one, of the package."""
    found = set()
    for below in kind.__subclasses__():
        found |= {below, *every(below)}
    return {one for one in found if one.__module__.startswith("ingle.")}


def test_the_table_names_every_folder() -> None:
    folder = Path(ingle.capabilities.__file__).parent
    there = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert there == set(ingle.capabilities.BUILT_IN)


def test_every_operation_and_every_event_is_declared() -> None:
    declared = {kind for capability in BUILT_IN.values() for kind in capability.operations}
    bases = {Operation, ModelOperation}
    undeclared = {
        kind
        for kind in every(Operation) - declared - bases
        if not every(kind)  # what others are made of is a base
    }
    assert undeclared == set()
    events = {kind for capability in BUILT_IN.values() for kind in capability.types.values()}
    events.add(RecordedEvent)  # a response as it is sent again, which no node sends
    assert {kind for kind in every(Event) - events if not every(kind)} == set()


def test_no_two_share_a_name() -> None:
    tags = [tag for capability in BUILT_IN.values() for tag in op_tags(capability)]
    assert len(tags) == len(set(tags))
    events: dict[str, type] = {}
    for capability in BUILT_IN.values():
        for tag, kind in capability.types.items():
            assert events.setdefault(tag, kind) is kind, tag


@pytest.mark.parametrize("capability", BUILT_IN.values(), ids=BUILT_IN)
def test_a_declaration_is_whole(capability: Capability) -> None:
    assert isinstance(capability.permission, OwnerOnly | PairedDevices | Grantable | Granted)
    assert isinstance(capability.cost, Cost | Free | Uncounted)
    assert capability.route in ("model", "node")
    assert capability.summary.endswith(".")
    assert capability.version >= 1
    for kind in capability.operations:
        assert 1 <= kind.since <= capability.version
        assert registry.of_operation(operation_name(kind)) == (capability, kind)
    parts = [
        capability.performer, capability.prepare, capability.restrict, capability.resume,
        capability.routes, capability.methods, capability.doctor, capability.job,
        *(command.place for command in capability.commands.values()),
    ]  # fmt: skip
    for place in filter(None, parts):
        assert load(place) is not None


@pytest.mark.parametrize("capability", BUILT_IN.values(), ids=BUILT_IN)
def test_what_another_device_may_ask_is_counted_or_says_why_not(capability: Capability) -> None:
    if isinstance(capability.permission, Grantable) and capability.route == "model":
        assert isinstance(capability.cost, Cost)
        assert capability.cost.unit
    if isinstance(capability.cost, Uncounted):
        assert isinstance(capability.permission, Granted) or capability.granted


def test_a_declaration_is_cheap() -> None:
    """What is heavy is named, and imported when it is used."""
    for name in BUILT_IN:
        module = importlib.import_module(f"ingle.capabilities.{name}")
        heavy = {"click", "starlette", "httpx", "asyncio"} & set(vars(module))
        assert heavy == set()


def test_the_caller_is_the_owner_unless_said() -> None:
    assert Caller().owns
    assert not Caller("ab" * 32).owns
