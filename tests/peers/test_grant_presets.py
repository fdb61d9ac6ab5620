"""What a preset grants: each capability says itself whether it belongs to one."""

from __future__ import annotations

import pytest

from ingle.errors import InvalidRequest
from ingle.operations import registry
from ingle.operations.capability import Grantable
from ingle.peers.grant_presets import PRESETS, capabilities_of, limits_of

BY_NAME_ALONE = {"train", "clone"}
"""What takes a device for hours, or gives documents away, is granted by its name."""


def test_family_has_all_that_models_answer() -> None:
    grantable = {
        capability.name
        for capability in registry.built_in().values()
        if isinstance(capability.permission, Grantable)
    }
    assert set(capabilities_of("family", ["notes"])) == grantable - BY_NAME_ALONE
    without = grantable - BY_NAME_ALONE - {"search", "ask"}
    assert set(capabilities_of("family")) == without, "no collection was named"
    assert {"transcribe", "speak"} <= set(capabilities_of("family"))


def test_a_guest_gets_a_taste() -> None:
    assert capabilities_of("guest") == ("chat", "embed")
    assert limits_of("guest").tokens_per_day == 20_000


def test_presets_that_capabilities_name_exist() -> None:
    for capability in registry.built_in().values():
        if isinstance(capability.permission, Grantable):
            assert set(capability.permission.presets) <= set(PRESETS)


def test_an_unknown_preset_names_those_that_are() -> None:
    with pytest.raises(InvalidRequest, match="family, guest"):
        limits_of("famly")
