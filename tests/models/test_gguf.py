from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Callable
from pathlib import Path

import gguf as reference
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingle.errors import BadModelFile
from ingle.models import gguf
from ingle.models.facts import PASSAGE_PREFIX, QUERY_PREFIX, facts_from, facts_of
from ingle.models.gguf import Incomplete, parse_header, read_header
from ingle.models.tensor_types import FILE_TYPES, TENSOR_TYPES

from .weights import Shape, vocabulary, write_adapter, write_model, write_projector


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def tensor(
    name: str = "t", shape: tuple[int, ...] = (32,), kind: int = 0, offset: int = 0
) -> bytes:
    dims = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dims + struct.pack("<IQ", kind, offset)


ARCHITECTURE = pair("general.architecture", 8, text("llama"))


def header(
    pairs: list[bytes] | None = None,
    tensors: list[bytes] | None = None,
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    n_tensors: int | None = None,
    n_pairs: int | None = None,
    data: int = 4096,
) -> bytes:
    pairs, tensors = pairs or [], tensors or []
    counts = (
        len(tensors) if n_tensors is None else n_tensors,
        len(pairs) if n_pairs is None else n_pairs,
    )
    head = magic + struct.pack("<IQQ", version, *counts) + b"".join(pairs + tensors)
    return head + bytes(-len(head) % 32) + bytes(data)


def list_of(kind: int, count: int, data: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, count) + data


BAD: list[tuple[str, bytes, str]] = [
    ("empty", b"", "the file is empty"),
    ("short magic", b"GG", "not a GGUF file"),
    ("wrong magic", header(magic=b"GGML"), "starts with b'GGML'"),
    ("pickle", b"\x80\x04\x95" + bytes(100), "not a GGUF file"),
    ("zip", b"PK\x03\x04" + bytes(100), "not a GGUF file"),
    ("only magic", b"GGUF", "truncated in the version"),
    ("version 1", header(version=1), "version 1 is not supported"),
    ("version 4", header(version=4), "version 4 is not supported"),
    ("big-endian", header(version=0x03000000), "big-endian"),
    ("many tensors", header(n_tensors=2**64 - 1), "18446744073709551615 tensors"),
    ("65537 tensors", header(n_tensors=65_537), "the limit is 65536"),
    ("many pairs", header(n_pairs=2**63), "metadata entries"),
    ("4097 pairs", header(n_pairs=4_097), "the limit is 4096"),
    ("missing tensors", header(n_tensors=9, data=0), "truncated"),
    ("long key", header([struct.pack("<Q", 2**62)]), "the limit is 65535"),
    ("empty key", header([pair("", 4, bytes(4))]), "is empty or duplicated"),
    ("same key", header([ARCHITECTURE, ARCHITECTURE]), "is empty or duplicated"),
    ("long string", header([pair("k", 8, struct.pack("<Q", 2**20 + 1))]), "the limit is 1048576"),
    ("string past end", header([pair("k", 8, struct.pack("<Q", 9_000))]), "truncated in metadata"),
    ("value type", header([pair("k", 13, b"")]), "unknown value type 13"),
    ("list of lists", header([pair("k", 9, list_of(9, 1))]), "nested type 9"),
    ("long list", header([pair("k", 9, list_of(4, 2**61))]), "is a list of"),
    ("list past end", header([pair("k", 9, list_of(4, 2**20))]), "truncated"),
    ("texts past end", header([pair("k", 9, list_of(8, 2_000_000))]), "truncated"),
    (
        "long text in list",
        header([pair("k", 9, list_of(8, 5_000, struct.pack("<Q", 2**63)))]),
        "a string of metadata 'k'",
    ),
    ("alignment 0", header([pair("general.alignment", 4, bytes(4))]), "power of two"),
    ("alignment 48", header([pair("general.alignment", 4, b"\x30\0\0\0")]), "power of two"),
    ("alignment text", header([pair("general.alignment", 8, text("32"))]), "power of two"),
    ("no dimensions", header([], [tensor(shape=())]), "0 dimensions"),
    ("5 dimensions", header([], [tensor(shape=(1,) * 5)]), "5 dimensions"),
    ("zero extent", header([], [tensor(shape=(32, 0))]), "impossible shape"),
    ("overflow", header([], [tensor(shape=(2**62, 2**62))]), "impossible shape"),
    ("negative extent", header([], [tensor(shape=(2**64 - 32,))]), "impossible shape"),
    ("tensor type", header([], [tensor(kind=4)]), "unknown type 4"),
    ("block", header([], [tensor(shape=(33,), kind=2)]), "do not divide into Q4_0 blocks"),
    ("offset", header([], [tensor(offset=7)]), "not a multiple of 32"),
    ("past end", header([], [tensor(shape=(2048,))]), "truncated: tensor 't'"),
    ("far offset", header([], [tensor(offset=2**64 - 32)]), "truncated: tensor 't'"),
    ("same name", header([], [tensor(), tensor(offset=128)]), "the same name"),
    ("overlap", header([], [tensor("a"), tensor("b", offset=64)]), "'b' overlaps 'a'"),
    ("long name", header([], [tensor("n" * 128)]), "the limit is 127"),
]


@pytest.mark.parametrize(("data", "why"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_files_are_refused_with_the_reason(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(data)
    with pytest.raises(BadModelFile) as caught:
        read_header(path)
    assert why in caught.value.message
    assert caught.value.message.startswith("bad.gguf: ")
    assert caught.value.details["path"] == str(path)


def test_a_good_small_file_is_read() -> None:
    data = header([ARCHITECTURE], [tensor("a", (32, 2), 2), tensor("b", offset=64)])
    found = parse_header(data, len(data))
    assert found.metadata == {"general.architecture": "llama"}
    assert [(t.name, t.shape, t.type.name, t.size) for t in found.tensors] == [
        ("a", (32, 2), "Q4_0", 36),
        ("b", (32,), "F32", 128),
    ]


def test_a_name_that_llama_cpp_cannot_keep_is_refused() -> None:
    data = header([ARCHITECTURE], [tensor("n" * 64)])
    with pytest.raises(BadModelFile, match="has a name of 64 bytes; the limit is 63"):
        facts_from([parse_header(data, len(data))])


def test_every_cut_of_a_true_model_is_refused(model_file: Path, tmp_path: Path) -> None:
    data = model_file.read_bytes()
    whole = read_header(model_file)
    lengths = {*range(400), *range(0, len(data), len(data) // 100), len(data) - 1}
    for length in sorted(lengths):
        with pytest.raises(BadModelFile):
            parse_header(data[:length], length)
        try:
            assert parse_header(data[:length], len(data)) == whole
        except Incomplete:
            assert length < whole.data_offset + 32


@given(st.binary(max_size=400))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadModelFile):
        parse_header(data, len(data))


@given(st.binary(max_size=400))
def test_random_bytes_after_the_magic_never_do_worse(data: bytes) -> None:
    data = b"GGUF\3\0\0\0" + data
    harmless(lambda: facts_from([parse_header(data, len(data))]))


@settings(max_examples=300)
@given(data=st.data())
def test_flipped_bytes_of_a_true_header_never_do_worse(
    model_file: Path, data: st.DataObject
) -> None:
    raw = bytearray(model_file.read_bytes())
    end = read_header(model_file).data_offset
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, end - 1))] = data.draw(st.integers(0, 255))
    harmless(lambda: facts_from([parse_header(bytes(raw), len(raw))]))


def harmless(act: Callable[[], object]) -> None:
    with contextlib.suppress(BadModelFile):
        act()


def test_our_tables_are_those_of_the_reference() -> None:
    sizes = reference.GGML_QUANT_SIZES
    ours = {kind: (known.block, known.bytes) for kind, known in TENSOR_TYPES.items()}
    # The reference has Q8_1 with an older layout; no file holds it.
    assert {k: v for k, v in ours.items() if k != 9} == {
        int(kind): size for kind, size in sizes.items() if kind != 9
    }
    for kind in reference.LlamaFileType:
        name = kind.name.removeprefix("MOSTLY_").removeprefix("ALL_")
        if name != "GUESSED":
            assert FILE_TYPES[int(kind)] == name


def test_facts_agree_with_the_reference_reader(model_file: Path) -> None:
    facts = facts_of([model_file])
    known = reference.GGUFReader(model_file)
    assert facts.parameters == sum(int(tensor.n_elements) for tensor in known.tensors)
    assert facts.tensor_bytes == sum(int(tensor.n_bytes) for tensor in known.tensors)
    assert read_header(model_file).data_offset == known.data_offset
    assert facts.architecture == "qwen3"
    assert facts.heads_kv == [2, 2]
    assert (facts.key_length, facts.value_length) == (16, 16)
    assert facts.context_length == 4096
    assert facts.quantization == "F16"
    assert facts.quant_mix == {"F16": 15, "F32": 9}


@pytest.mark.parametrize(
    ("how", "capabilities"),
    [
        ({}, {"chat", "complete"}),
        ({"template": ""}, {"complete"}),
        ({"template": "{{ tools }} <think>"}, {"chat", "complete", "tools", "reasoning"}),
        ({"pooling": 1}, {"embed"}),
        ({"pooling": 3}, {"embed"}),
        ({"pooling": 4}, {"rerank"}),
    ],
)
def test_capabilities_follow_from_the_header(
    tmp_path: Path, how: dict[str, object], capabilities: set[str]
) -> None:
    path = write_model(tmp_path / "m.gguf", Shape(layers=1), **how)  # type: ignore[arg-type]
    assert set(facts_of([path]).capabilities()) == set(capabilities)


def test_adapters_and_projectors_are_no_models(tmp_path: Path) -> None:
    adapter = facts_of([write_adapter(tmp_path / "lora.gguf")])
    assert (adapter.kind, adapter.capabilities()) == ("adapter", [])
    projector = facts_of([write_projector(tmp_path / "mmproj.gguf")])
    assert (projector.kind, projector.capabilities()) == ("mmproj", [])


def test_absurd_numbers_are_damage(tmp_path: Path) -> None:
    for key, value in (("llama.block_count", 2**31), ("llama.context_length", -5)):
        data = header([ARCHITECTURE, pair(key, 11, struct.pack("<q", value))])
        with pytest.raises(BadModelFile, match=r"is -?[0-9]+"):
            facts_from([parse_header(data, len(data))])
    with pytest.raises(BadModelFile, match=r"no general\.architecture"):
        facts_from([parse_header(header(), len(header()))])


def test_prefixes_are_stated_or_known(tmp_path: Path) -> None:
    stated = {QUERY_PREFIX: "q: ", PASSAGE_PREFIX: "p: "}
    path = write_model(tmp_path / "m.gguf", Shape(layers=1), pooling=1, extra=stated)
    assert facts_of([path]).prefixes == {"query": "q: ", "passage": "p: "}
    known = pair("general.name", 8, text("Nomic Embed Text v1.5"))
    data = header([ARCHITECTURE, known])
    assert facts_from([parse_header(data, len(data))]).prefixes["query"] == "search_query: "


def test_the_shipped_embedder_states_what_it_was_trained_with(ember_embed: Path) -> None:
    assert facts_of([ember_embed]).prefixes == {"query": "query: ", "passage": "passage: "}


def test_a_large_vocabulary_is_counted(tmp_path: Path) -> None:
    count = 151_936
    tokens = b"".join(text(f"token{number}") for number in range(count))
    pairs = [
        ARCHITECTURE,
        pair("tokenizer.ggml.tokens", 9, list_of(8, count, tokens)),
        pair("tokenizer.ggml.merges", 9, list_of(8, count, tokens)),
        pair("tokenizer.ggml.token_type", 9, list_of(5, count, bytes(4 * count))),
    ]
    path = tmp_path / "vocabulary.gguf"
    path.write_bytes(header(pairs, [tensor()]))
    assert facts_of([path]).vocabulary == count
    assert gguf.ArraySize(count) == read_header(path).metadata["tokenizer.ggml.merges"]


def number(value: float) -> reference.GGUFValue:
    if isinstance(value, int):
        kind = reference.GGUFValueType.UINT32 if value >= 0 else reference.GGUFValueType.INT32
        return reference.GGUFValue(value, kind)
    return reference.GGUFValue(value, reference.GGUFValueType.FLOAT32)


def word(value: str) -> reference.GGUFValue:
    return reference.GGUFValue(value, reference.GGUFValueType.STRING)


FATAL: list[tuple[str, reference.GGUFValue, str]] = [
    ("general.sampling.penalty_repeat", number(-1.0), "from 0.01 to 100"),
    ("general.sampling.penalty_repeat", number(math.inf), "from 0.01 to 100"),
    ("general.sampling.temp", number(math.nan), "a finite number"),
    ("general.sampling.mirostat", number(7), "from 0 to 2"),
    ("qwen3.rope.scaling.type", word("bogus"), "one of none, linear, yarn, longrope"),
    ("qwen3.rope.scaling.factor", number(math.nan), "a finite number"),
    ("qwen3.rope.dimension_count", number(7), "it must be 16"),
    ("qwen3.attention.layer_norm_rms_epsilon", number(-1.0), "from 0 to 1"),
    ("qwen3.context_length", number(0), "from 1 to"),
    ("qwen3.context_length", number(2**32 - 1), "from 1 to"),
    ("qwen3.block_count", number(0), "from 1 to 512"),
    ("qwen3.block_count", number(513), "from 1 to 512"),
    ("qwen3.expert_count", number(2**31), "from 0 to 512"),
    ("qwen3.expert_count", number(8), "qwen3.expert_used_count is not set"),
    ("qwen3.expert_used_count", number(8), "it must be 0"),
]
"""Entries of a sound model, each changed to what makes llama.cpp abort."""


@pytest.mark.parametrize(
    ("key", "value", "why"), FATAL, ids=[f"{key}={value.value}" for key, value, _ in FATAL]
)
def test_metadata_that_would_end_the_engine_is_refused(
    tmp_path: Path, key: str, value: reference.GGUFValue, why: str
) -> None:
    path = write_model(tmp_path / "m.gguf", changed={key: value})
    with pytest.raises(BadModelFile) as caught:
        facts_of([path])
    assert key in caught.value.message
    assert why in caught.value.message


@pytest.mark.parametrize("size", [300, 2_000], ids=["kept", "too long to keep"])
def test_a_token_may_be_there_once(tmp_path: Path, size: int) -> None:
    tokens = vocabulary(size)
    tokens[280] = tokens[290]
    twice = reference.GGUFValue(tokens, reference.GGUFValueType.ARRAY)
    changed = {"tokenizer.ggml.tokens": twice}
    path = write_model(tmp_path / "m.gguf", Shape(vocabulary=size), changed=changed)
    with pytest.raises(BadModelFile, match=r"'w34' is both token 280 and token 290"):
        read_header(path)


def test_empty_tokens_may_be_there_twice(tmp_path: Path) -> None:
    tokens = vocabulary(300)
    tokens[280] = tokens[290] = ""
    empty = reference.GGUFValue(tokens, reference.GGUFValueType.ARRAY)
    changed = {"tokenizer.ggml.tokens": empty}
    path = write_model(tmp_path / "m.gguf", changed=changed)
    assert facts_of([path]).vocabulary == 300


ADAPTER = [
    ARCHITECTURE,
    pair("general.type", 8, text("adapter")),
    pair("adapter.type", 8, text("lora")),
]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (pair("adapter.lora.alpha", 12, struct.pack("<d", 8.0)), "32-bit floating-point number"),
        (pair("adapter.lora.alpha", 4, struct.pack("<I", 8)), "32-bit floating-point number"),
        (pair("adapter.alora.invocation_tokens", 4, struct.pack("<I", 8)), "must be a list"),
    ],
)
def test_an_adapter_whose_entries_would_end_the_engine_is_refused(entry: bytes, words: str) -> None:
    data = header([*ADAPTER, entry], [tensor("blk.0.attn_q.weight.lora_a", (32, 4))])
    with pytest.raises(BadModelFile, match=words):
        facts_from([parse_header(data, len(data))])


def test_an_adapters_tensors_are_matrices() -> None:
    data = header(ADAPTER, [tensor("blk.0.attn_q.weight.lora_b", (32,))])
    with pytest.raises(BadModelFile, match="has 1 dimensions; it must have 2"):
        facts_from([parse_header(data, len(data))])


def test_a_vocabulary_has_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(header([pair(gguf.TOKENS, 9, list_of(8, gguf.MAX_TOKENS + 1))]))
    with pytest.raises(BadModelFile, match=f"the limit is {gguf.MAX_TOKENS}"):
        read_header(path)
