"""What a job was begun with: resumed with anything else, its halves would not fit together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from ingle.errors import InvalidRequest

INPUTS = "inputs.json"


def check_inputs(folder: Path, inputs: Mapping[str, str]) -> None:
    """Write down what a job reads, or see that it is still that.

    Args:
        folder: the job's.
        inputs: from what messages call each of them to its hash.

    Raises:
        InvalidRequest: one has changed since the job began.
    """
    path = folder / INPUTS
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(dict(inputs)))
        part.replace(path)
        return
    before = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    for name, digest in inputs.items():
        if before.get(name) != digest:
            raise InvalidRequest(
                f"{name} has changed since the job {folder.name!r} began",
                hint=f"ingle jobs rm {folder.name}, and begin again", field="model",
            )  # fmt: skip
