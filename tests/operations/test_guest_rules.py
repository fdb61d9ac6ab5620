"""The rule that stands beside a field is the one that is read."""

from __future__ import annotations

from typing import Annotated, get_args

from ingle.capabilities.extract.operation import Extract
from ingle.capabilities.ocr.operation import Ocr
from ingle.operations.guest_rules import (
    AnswerLength,
    Costless,
    Estimated,
    GrantedAdapters,
    GrantedCollection,
    GrantedModel,
    GrantLimit,
    GuestRule,
    NodeLimit,
    Overruled,
    Tallied,
    guest_rules,
)


def test_rules_are_equal_to_rules_of_their_own_kind_alone() -> None:
    """Python keeps one object for equal annotations, whichever was made first."""
    rules = [
        Estimated(), AnswerLength(), Tallied(), GrantedModel(), GrantedAdapters(),
            GrantedCollection(),
        GrantLimit("x"), Overruled("x"), NodeLimit("x"), Costless("x"),
    ]  # fmt: skip
    assert {type(rule) for rule in rules} == set(get_args(GuestRule))
    for rule in rules:
        assert [other for other in rules if other == rule] == [rule]
        assert Annotated[bytes, rule].__metadata__ == (rule,)  # type: ignore[valid-type]
        assert type(Annotated[bytes, rule].__metadata__[0]) is type(rule)  # type: ignore[valid-type]


def test_fields_of_one_type_keep_their_own_rules() -> None:
    assert guest_rules(Extract)["document"] == Estimated()
    assert guest_rules(Ocr)["document"] == Tallied()
