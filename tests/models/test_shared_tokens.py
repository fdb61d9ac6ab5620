"""Whether two models write in the same tokens."""

from __future__ import annotations

from pathlib import Path

from ingle.models.gguf import read_tokens
from ingle.models.shared_tokens import difference

from .weights import Shape, write_model


def test_the_same_vocabulary_has_no_difference(ember: Path, tmp_path: Path) -> None:
    assert difference(ember, ember) == ""
    other = write_model(tmp_path / "a.gguf", seed=1)
    assert difference(other, write_model(tmp_path / "b.gguf", seed=2)) == ""


def test_the_first_token_that_differs_is_named(ember: Path, tmp_path: Path) -> None:
    small = write_model(tmp_path / "small.gguf")
    assert read_tokens(ember) != read_tokens(small)
    assert difference(ember, small)


def test_lengths_are_told_where_they_are_far_apart(tmp_path: Path) -> None:
    one = write_model(tmp_path / "one.gguf", Shape(vocabulary=400))
    more = write_model(tmp_path / "more.gguf", Shape(vocabulary=450))
    many = write_model(tmp_path / "many.gguf", Shape(vocabulary=700))
    assert difference(one, more).startswith("token 397 is '<|endoftext|>' in one and 'w141' in")
    assert difference(one, many) == "one has 400 tokens, the other 700"
