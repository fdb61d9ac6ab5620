"""A full disk and damaged state, from the command line: what cures works, what failed is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.disks import fill, mounted

from ..models.test_verification import flip
from .place import Place


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Place]:
    """A place on a disk that has no byte left, with a model of its own."""
    with mounted(tmp_path / "disk", "300m") as folder:
        place = Place(folder)
        place.ok("cp", "ember-embed", "mine")
        place.ok("stop", "--node")
        fill(folder)
        yield place
        place.stop()


def test_what_frees_space_works_on_a_full_disk(full: Place) -> None:
    assert "mine" in full.ok("list").out
    full.ok("prune")
    assert "freed" in full.ok("rm", "mine").out or "mine" not in full.ok("list").out
    assert "mine" not in full.ok("list").out


def test_doctor_mends_settings_and_records(tmp_path: Path) -> None:
    place = Place(tmp_path)
    config = Path(place.environment["INGLE_CONFIG"])
    place.ok("config", "set", "model", "ember")
    place.ok("config", "set", "slots", "2")
    place.ok("cp", "ember-embed", "mine")
    place.ok("stop", "--node")
    config.write_text("model = [")
    (place.state / "peers.sqlite3").write_bytes(b"\0" * 4096)
    refused = place.ingle("list", "--json")
    assert str(config) in refused.error["message"]
    try:
        told = place.ok("doctor", "--repair").out
        assert "the last valid copy is used" in told
        assert "peers.sqlite3 was damaged" in told
        assert json.loads(place.ok("config", "show", "--json").out)
        assert 'model = "ember"' in config.read_text()
        assert "mine" in place.ok("list").out
    finally:
        place.stop()


@pytest.mark.parametrize("copy", [b"slots = [", b"keep_ali\x9de = '10m'", b"slots = 'many'"])
def test_settings_whose_copy_is_damaged_too_are_the_defaults(tmp_path: Path, copy: bytes) -> None:
    place = Place(tmp_path)
    config = Path(place.environment["INGLE_CONFIG"])
    config.write_text("model = [")
    backup = config.with_name(f"{config.name}.backup")
    backup.write_bytes(copy)
    try:
        told = place.ok("doctor", "--repair").out
        assert "config.toml is now config.toml.damaged-1: the defaults are used" in told
        assert place.ok("config", "show", "--json").data
        assert (not config.exists(), backup.read_bytes()) == (True, copy)
    finally:
        place.stop()


def test_verify_store_finds_what_doctor_then_names(tmp_path: Path, ember: Path) -> None:
    place = Place(tmp_path)
    try:
        place.ok("cp", "ember-embed", "mine")
        assert "1 file " in place.ok("verify-store").err
        (blob,) = (tmp_path / "models" / "blobs").glob("sha256-*")
        flip(blob, blob.stat().st_size // 3)
        ended = place.ingle("verify-store", "--json")
        assert ended.status == 1
        (damaged,) = ended.data["damaged"]
        assert damaged["models"] == ["mine"]
        doctor = place.ingle("doctor")
        assert doctor.status == 1
        assert f"mine: {blob} is missing, or was set aside" in doctor.out
        assert "1 damaged file was set aside" in doctor.out
        again = place.ingle("verify-store", "mine")
        assert again.status == 1
        assert f"mine: {blob} is missing\n" in again.out
        assert "fix: ingle rm mine" in again.out
        place.ok("prune")
        place.ok("rm", "mine")
        place.ok("verify-store")
        place.ok("doctor")
    finally:
        place.stop()
