"""Which prompts are kept: bounded, found again, gone with their model, and never half."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.errors import StorageError
from ingle.node.prompt_cache import EntryHead, PromptCache


def cache(folder: Path, limit: int = 1 << 20, age_s: float = -1) -> PromptCache:
    (folder / "state").mkdir(exist_ok=True)
    return PromptCache(folder / "state", folder / "models", limit, age_s)


def head(*chain: bytes, domain: str = "d", digest: str = "sha256:aa") -> EntryHead:
    return EntryHead(domain=domain, digest=digest, chain=[*chain], tokens=9, prompt_s=2.0)


def keep(kept: PromptCache, entry: EntryHead, data: bytes = b"state" * 100) -> None:
    writer = kept.writer(entry)
    writer.add(data)
    writer.finish()


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "models").rglob("*") if path.is_file()]


def test_the_longest_common_beginning_is_found_also_after_a_restart(tmp_path: Path) -> None:
    first = cache(tmp_path)
    keep(first, head(b"a", b"b", b"c"))
    keep(first, head(b"a", b"x"), b"other")
    for kept in (first, cache(tmp_path)):
        found = kept.best("d", [b"a", b"b", b"y"])
        assert found is not None
        entry, alike = found
        assert alike == 2
        assert b"".join(kept.read(entry)) == b"state" * 100
        assert kept.best("another model", [b"a"]) is None


def test_a_longer_one_takes_the_place_of_its_beginning(tmp_path: Path) -> None:
    kept = cache(tmp_path)
    keep(kept, head(b"a"))
    keep(kept, head(b"a", domain="other"))
    keep(kept, head(b"a", b"b"))
    assert len(files(tmp_path)) == 2


def test_the_least_recently_used_goes_where_there_is_no_room(tmp_path: Path) -> None:
    kept = cache(tmp_path, limit=40_000)
    for name in (b"a", b"b", b"c"):
        keep(kept, head(name), bytes(9000))
    found = kept.best("d", [b"a"])
    assert found is not None
    list(kept.read(found[0]))  # used last
    for name in (b"e", b"f"):
        keep(kept, head(name), bytes(9000))
    assert kept.size <= 40_000
    assert [kept.best("d", [name])[1] for name in (b"a", b"b", b"f")] == [1, 0, 1]  # type: ignore[index]
    assert len(files(tmp_path)) == 4


def test_one_that_is_too_large_is_not_kept(tmp_path: Path) -> None:
    kept = cache(tmp_path, limit=40_000)
    writer = kept.writer(head(b"a"))
    with pytest.raises(StorageError, match="takes more than 10000 bytes"):
        writer.add(bytes(20_000))
    writer.drop()
    assert files(tmp_path) == []


def test_a_changed_one_is_dropped_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = cache(tmp_path)
    keep(kept, head(b"a"))
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.write_bytes(data)
    found = kept.best("d", [b"a"])
    assert found is not None
    with pytest.raises(StorageError, match="damaged"):
        list(kept.read(found[0]))
    assert files(tmp_path) == []
    assert "a kept prompt is dropped" in caplog.text


def test_what_a_killed_node_left_half_goes(tmp_path: Path) -> None:
    kept = cache(tmp_path)
    keep(kept, head(b"a"))
    half = kept.writer(head(b"b"))
    half.add(b"half")
    assert len(files(tmp_path)) == 2
    again = cache(tmp_path)
    assert again.size > 0
    assert len(files(tmp_path)) == 1
    half.drop()


def test_the_key_is_not_where_the_prompts_are_and_is_private(tmp_path: Path) -> None:
    kept = cache(tmp_path)
    keep(kept, head(b"a"))
    key = tmp_path / "state" / "prompts.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert all((path.stat().st_mode & 0o77) == 0 for path in files(tmp_path))
    assert not any(key.read_bytes() in path.read_bytes() for path in files(tmp_path))
    key.unlink()  # prompts of a lost key are not opened, and not in the way
    assert cache(tmp_path).best("d", [b"a"]) is None


def test_old_ones_and_those_of_models_that_are_gone_go(tmp_path: Path) -> None:
    kept = cache(tmp_path, age_s=0.0)
    keep(kept, head(b"a"))
    assert kept.best("d", [b"a"]) is None
    kept = cache(tmp_path)
    keep(kept, head(b"a"))
    keep(kept, head(b"b", digest="sha256:bb"))
    assert len(kept.clear(["sha256:aa"], dry_run=True)) == 1
    assert len(files(tmp_path)) == 2
    kept.clear(["sha256:aa"])
    assert len(files(tmp_path)) == 1
    kept.clear()
    assert files(tmp_path) == []
