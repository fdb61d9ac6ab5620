"""The same file makes the same torrent, and nothing else is taken for one."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import libtorrent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.errors import BadModelFile, IntegrityError
from ingle.peers.swarm import merkle, metainfo
from ingle.peers.swarm.metainfo import LARGEST_METAINFO, Metainfo, piece_length

from .serving import MIB, describe, digest_of, noise


def test_two_people_with_the_same_file_meet_in_the_same_swarm(tmp_path: Path) -> None:
    data = noise(3 * MIB + 77)
    mine, yours = tmp_path / "mine.gguf", tmp_path / "elsewhere" / "Other Name.bin"
    yours.parent.mkdir()
    mine.write_bytes(data)
    shutil.copyfile(mine, yours)
    os.utime(yours, (1, 1))
    yours.chmod(0o755)
    ours = metainfo.make(mine, digest_of(data)), metainfo.make(yours, digest_of(data))
    assert ours[0].encode() == ours[1].encode()
    assert ours[0].infohash == ours[1].infohash


def test_the_infohash_of_a_known_file_stays_as_it_is(tmp_path: Path) -> None:
    found = describe(tmp_path, noise(MIB + 5))
    assert found.digest == "sha256:0303eb222107dbd9c1c8843ad8f6c644e5d1915b3f33902b776f89d72abd7cba"
    assert found.infohash == "f144d6cbfcc138506d135772cf91abea485b41c56a3e63e9904cd9953c7a1307"
    assert found.root.hex() == "fdbb0380126c2b4674b29fda2670ecf40e82dcdc839d035f3daf1644a7020741"


@pytest.mark.parametrize(
    "size", [1, 16384, 16385, 262144, 262145, 5 * MIB, 5 * MIB + 7, 9 * MIB + 16384]
)
def test_it_is_what_libtorrent_makes_of_the_file(tmp_path: Path, size: int) -> None:
    data = noise(size)
    path = tmp_path / digest_of(data)[7:]
    path.write_bytes(data)
    ours = metainfo.make(path, digest_of(data))
    made = libtorrent.create_torrent(
        libtorrent.list_files(str(path)), piece_length(size), libtorrent.create_torrent.v2_only
    )
    libtorrent.set_piece_hashes(made, str(tmp_path))
    theirs = made.generate()
    assert set(theirs) - {b"creation date"} == {b"info", b"piece layers"}
    theirs.pop(b"creation date", None)
    assert libtorrent.bencode(theirs) == ours.encode()
    info = libtorrent.load_torrent_buffer(ours.encode()).ti
    assert info is not None
    assert str(info.info_hashes().v2) == ours.infohash
    assert not info.info_hashes().has_v1()
    assert Metainfo.parse(ours.encode(), ours.digest, size) == ours


@pytest.mark.parametrize(
    ("size", "length"),
    [
        (1, 256 << 10),
        (8 << 30, 256 << 10),
        ((8 << 30) + 1, 512 << 10),
        (100 << 30, 4 << 20),
        (1 << 42, 16 << 20),
    ],
)
def test_the_rule_of_the_piece_length(size: int, length: int) -> None:
    assert piece_length(size) == length


def test_a_file_that_changed_gets_no_torrent(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"other")
    with pytest.raises(BadModelFile, match="has changed"):
        metainfo.make(path, digest_of(b"this"))
    path.write_bytes(b"")
    with pytest.raises(BadModelFile, match="0 bytes"):
        metainfo.make(path, digest_of(b""))


def test_making_it_tells_how_far_it_is_and_can_be_stopped(tmp_path: Path) -> None:
    path = tmp_path / "m"
    data = noise(2 * MIB)
    path.write_bytes(data)
    told: list[int] = []
    metainfo.make(path, digest_of(data), told.append)
    assert told == [256 * 1024 * number for number in range(1, 9)]

    def stop(done: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        metainfo.make(path, digest_of(data), stop)


class TestAStrangersMetainfo:
    @pytest.fixture
    def good(self, tmp_path: Path) -> Metainfo:
        return describe(tmp_path, noise(MIB))

    def refused(self, data: bytes, good: Metainfo, why: str, size: int = MIB) -> None:
        with pytest.raises(IntegrityError, match=why):
            Metainfo.parse(data, good.digest, size)

    def test_of_another_file(self, good: Metainfo) -> None:
        name = good.digest[7:].encode()
        other = b"0" * 64
        self.refused(good.encode().replace(name, other), good, "it is that of sha256:000")

    def test_with_another_size(self, good: Metainfo) -> None:
        self.refused(good.encode(), good, "describes 1048576 bytes, not 5", size=5)
        longer = good.encode().replace(b"lengthi1048576e", b"lengthi9999999999999e")
        self.refused(longer, good, "describes 9999999999999", size=0)

    @pytest.mark.parametrize("length", [0, 1, 16384, 1 << 20, 3, 10**18])
    def test_with_a_piece_length_against_the_rule(self, good: Metainfo, length: int) -> None:
        bad = good.encode().replace(b"piece lengthi262144e", b"piece lengthi%de" % length)
        self.refused(bad, good, "pieces have|not in the form")

    def test_with_hashes_that_contradict_each_other(self, good: Metainfo) -> None:
        bad = bytearray(good.encode())
        bad[-40] ^= 1
        self.refused(bytes(bad), good, "does not match its root")

    @pytest.mark.parametrize("hashes", [0, 1, 3, 5])
    def test_with_a_layer_of_another_length(self, good: Metainfo, hashes: int) -> None:
        layer = b"%d:%b" % (32 * hashes, bytes(32 * hashes))
        bad = good.encode().replace(b"128:" + good.layer, layer)
        self.refused(bad, good, "piece layer|form")

    def test_that_says_another_length_than_it_has(self, good: Metainfo) -> None:
        self.refused(good.encode().replace(b"128:" + good.layer, b"96:" + good.layer), good, "len")

    @pytest.mark.parametrize(
        "path", [b"../../../../etc/cron.d/ingle", b"/etc/passwd", b"..", b"a/b", b"C:\\x", b""]
    )
    def test_with_a_path_for_a_name(self, good: Metainfo, path: bytes) -> None:
        name = b"64:" + good.digest[7:].encode()
        bad = good.encode().replace(name, b"%d:%b" % (len(path), path))
        self.refused(bad, good, "form")

    def test_with_more_files_than_one(self, good: Metainfo) -> None:
        more = good.encode().replace(b"d9:file treed", b"d9:file treed1:ad0:d6:lengthi0eee")
        self.refused(more, good, "form")

    def test_with_a_date_a_creator_or_a_tracker(self, good: Metainfo) -> None:
        bad = b"d8:announce21:http://evil.example/a" + good.encode()[1:]
        self.refused(bad, good, "form")

    @pytest.mark.parametrize("bad", [b"", b"d", b"de", b"i0e", b"d4:infod", b"\0" * 1000])
    def test_that_is_none(self, good: Metainfo, bad: bytes) -> None:
        self.refused(bad, good, "form")

    def test_that_is_deep(self, good: Metainfo) -> None:
        self.refused(b"l" * 1_000_000 + b"e" * 1_000_000, good, "form")
        self.refused(b"d1:a" * 500_000, good, "form")

    def test_that_is_huge(self, good: Metainfo) -> None:
        self.refused(good.encode() + bytes(LARGEST_METAINFO), good, "the limit is")


@given(st.binary(max_size=300), st.integers(0, 500))
def test_nothing_else_is_taken_for_one(noise_: bytes, at: int) -> None:
    digest = digest_of(b"x")
    good = Metainfo(digest, 1, merkle.root(merkle.leaves(b"x")), b"").encode()
    assert Metainfo.parse(good, digest, 1).encode() == good
    mixed = good[:at] + noise_ + good[at + len(noise_) :]
    if mixed != good:
        try:
            found = Metainfo.parse(mixed, digest, 1)
        except IntegrityError:
            return
        assert found.encode() == mixed  # another root: only the contents can tell


@given(st.integers(1, 40), st.integers(0, 5))
def test_a_root_is_that_of_the_filled_up_tree(count: int, level: int) -> None:
    nodes = [hashlib.sha256(bytes([number])).digest() for number in range(count)]
    width = 1
    while width < count:
        width *= 2
    full = nodes + [merkle.padding(level)] * (width - count)
    while len(full) > 1:
        full = [hashlib.sha256(full[at] + full[at + 1]).digest() for at in range(0, len(full), 2)]
    assert merkle.root(nodes, level) == full[0]
