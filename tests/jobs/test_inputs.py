"""A job is resumed with what it was begun with, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.errors import InvalidRequest
from ingle.jobs.inputs import check_inputs


def test_what_has_changed_is_named(tmp_path: Path) -> None:
    check_inputs(tmp_path, {"model": "one", "imatrix": "two"})
    check_inputs(tmp_path, {"model": "one", "imatrix": "two"})
    with pytest.raises(InvalidRequest, match="imatrix has changed since the job") as refused:
        check_inputs(tmp_path, {"model": "one", "imatrix": "three"})
    assert refused.value.hint.startswith("ingle jobs rm ")
