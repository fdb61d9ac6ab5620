"""Pictures as files on the command line: dragged into a chat, read within bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.capabilities.chat.cli.image_files import MOST_BYTES, dragged_files, read_image
from ingle.errors import InvalidRequest


def test_paths_of_pictures_are_taken_out_of_what_was_typed(tmp_path: Path) -> None:
    plain, spaced, quote = (tmp_path / name for name in ("cat.png", "my holiday.JPG", "it's.webp"))
    for path in (plain, spaced, quote):
        path.write_bytes(b"a picture")
    escaped = str(spaced).replace(" ", "\\ ")
    assert dragged_files(f"{plain} What is this?") == ("What is this?", [plain])
    assert dragged_files(f"What is '{spaced}'") == ("What is", [spaced])
    assert dragged_files(f'"{quote}"') == ("", [quote])
    assert dragged_files(f"{escaped} or {plain} ?") == ("or ?", [spaced, plain])
    assert dragged_files(f"see file://{spaced.as_uri()[7:]}") == ("see", [spaced])


@pytest.mark.parametrize(
    "typed",
    ["/help", "/image none.png", "what  is /etc/passwd?", "/no/such/cat.png", "it's 'quoted'", ""],
)
def test_other_text_stays_as_it_is(typed: str) -> None:
    assert dragged_files(typed) == (typed, [])


def test_files_are_read_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    with pytest.raises(InvalidRequest, match="there is no file"):
        read_image(path)
    path.write_bytes(b"")
    with pytest.raises(InvalidRequest, match=r"cat\.png is empty"):
        read_image(path)
    path.write_bytes(b"x")
    assert read_image(path) == b"x"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(InvalidRequest, match="the most for images is"):
        read_image(path)
