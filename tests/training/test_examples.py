"""Every format and form that examples come in, and what is said of those that are damaged."""

from __future__ import annotations

import csv
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingle.errors import InvalidRequest, NotFound
from ingle.training.examples import Columns, Example, Source

pytestmark = pytest.mark.extras

ROWS = [{"prompt": f"What is {n}?", "completion": f"It is {n}."} for n in range(5)]


def every(path: Path | str, columns: str = "", split: str = "") -> list[Example]:
    return list(Source.find(path, Columns(columns)).examples(split))


def records(path: Path | str, columns: str = "", split: str = "") -> list[dict[str, Any]]:
    return [example.record for example in every(path, columns, split)]


def write_csv(path: Path, rows: list[dict[str, str]], delimiter: str = ",") -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_arrow(path: Path, rows: list[dict[str, Any]], *, stream: bool = True) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows)
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as sink, make(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return path


def write(path: Path) -> Path:
    """`ROWS` in the format that the name says."""
    match path.suffix:
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        case ".json":
            path.write_text("\ufeff" + json.dumps(ROWS, indent=2), encoding="utf-8")
        case ".csv":
            write_csv(path, ROWS)
        case ".tsv":
            write_csv(path, ROWS, "\t")
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=2)
        case ".arrow":
            write_arrow(path, ROWS, stream=path.stem == "stream")
    return path


@pytest.mark.parametrize(
    "name", ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.parquet", "stream.arrow", "file.arrow"]
)
def test_every_format_says_the_same(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    assert records(path) == ROWS
    assert [example.place.number for example in every(path)][-1] in (5, 6)
    renamed = records(path, "prompt=completion,completion=prompt")
    assert renamed[0] == {"prompt": "It is 0.", "completion": "What is 0?"}
    with pytest.raises(InvalidRequest, match=r"no column 'answer'; there are: prompt, completion"):
        every(path, "completion=answer")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"conversations": [{"from": "system", "value": "Be brief."},
                               {"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]},
            ["system: Be brief.", "user: Hi", "assistant: Ho"],
        ),
        (
            {"system": "Be brief.", "conversations": [{"from": "human", "value": "Hi"},
                                                      {"from": "gpt", "value": "Ho"}]},
            ["system: Be brief.", "user: Hi", "assistant: Ho"],
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "H"},
                                                       {"type": "text", "text": "i"}]},
                          {"role": "assistant", "content": "Ho"}]},
            ["user: Hi", "assistant: Ho"],
        ),
        (
            {"messages": json.dumps([{"role": "user", "content": "Hi"},
                                     {"role": "assistant", "content": "Ho"}])},
            ["user: Hi", "assistant: Ho"],
        ),
        (
            {"conversations": [{"role": "user", "content": "Hi"},
                               {"role": "assistant", "content": "Ho"}]},
            ["user: Hi", "assistant: Ho"],
        ),
        (
            {"system": "Be brief.", "instruction": "Hi", "input": "", "output": "Ho"},
            ["system: Be brief.", "user: Hi", "assistant: Ho"],
        ),
    ],
)  # fmt: skip
def test_conversations_of_all_dialects(tmp_path: Path, row: Any, expected: list[str]) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    (example,) = every(tmp_path / "a.jsonl")
    assert [f"{m['role']}: {m['content']}" for m in example.messages] == expected


def test_alpaca(tmp_path: Path) -> None:
    rows = [
        {"instruction": "Translate.", "input": "Hut", "output": "hat"},
        {"instruction": "Greet.", "input": "", "output": "Hello."},
    ]
    (tmp_path / "alpaca.json").write_text(json.dumps(rows))
    assert records(tmp_path / "alpaca.json") == [
        {"prompt": "Translate.\n\nHut", "completion": "hat"},
        {"prompt": "Greet.", "completion": "Hello."},
    ]


def test_calls_from_a_table_lose_the_fields_that_only_others_have(tmp_path: Path) -> None:
    """Arrow gives each struct of a column every field of any of them."""
    call = {"type": "function", "function": {"name": "look", "arguments": '{"at": "sky"}'}}
    messages = [
        {"role": "user", "content": "Look up."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "blue"},
        {"role": "assistant", "content": "It is blue."},
    ]
    pq.write_table(pa.Table.from_pylist([{"messages": messages}]), tmp_path / "a.parquet")
    (example,) = every(tmp_path / "a.parquet")
    assert example.messages[0] == {"role": "user", "content": "Look up."}
    assert example.messages[1]["tool_calls"][0]["function"]["arguments"] == {"at": "sky"}
    sharegpt = {
        "tools": json.dumps([{"name": "look", "parameters": {}}]),
        "conversations": [
            {"from": "human", "value": "Look up."},
            {"from": "function_call", "value": '{"name": "look", "arguments": {"at": "sky"}}'},
            {"from": "observation", "value": "blue"},
            {"from": "gpt", "value": "It is blue."},
        ],
    }
    (tmp_path / "b.jsonl").write_text(json.dumps(sharegpt))
    (other,) = every(tmp_path / "b.jsonl")
    assert other.messages == example.messages
    assert other.tools == [{"type": "function", "function": {"name": "look", "parameters": {}}}]


def test_a_folder_as_save_to_disk_writes_it(tmp_path: Path) -> None:
    for split, rows in (("train", ROWS), ("validation", ROWS[:1])):
        half = len(rows) // 2
        for number, part in enumerate((rows[:half], rows[half:])):
            if part:
                write_arrow(tmp_path / split / f"data-0000{number}.arrow", part)
        files = sorted(path.name for path in (tmp_path / split).glob("*.arrow"))
        state = {"_data_files": [{"filename": name} for name in files], "_split": split}
        (tmp_path / split / "state.json").write_text(json.dumps(state))
        (tmp_path / split / "dataset_info.json").write_text("{}")
    assert records(tmp_path / "train") == ROWS
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "validation"]}')
    assert records(tmp_path) == ROWS
    assert records(tmp_path, split="validation") == ROWS[:1]
    with pytest.raises(InvalidRequest, match="there are: train, validation"):
        every(tmp_path, split="test")
    (tmp_path / "train" / "state.json").write_text(
        '{"_data_files": [{"filename": "../../etc/passwd"}]}'
    )
    with pytest.raises(InvalidRequest, match="no files of this folder"):
        every(tmp_path)


def test_a_folder_as_on_the_hub(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    half = [pa.Table.from_pylist(rows) for rows in (ROWS[:2], ROWS[2:])]
    for number, table in enumerate(half):
        pq.write_table(table, tmp_path / "data" / f"train-0000{number}-of-00002.parquet")
    (tmp_path / "data" / "dev.jsonl").write_text(json.dumps(ROWS[0]))
    (tmp_path / "test").mkdir()
    write_csv(tmp_path / "test" / "0000.csv", ROWS[1:2])
    (tmp_path / "README.md").write_text("# Facts")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "train.jsonl").write_text("not looked at")
    source = Source.find(tmp_path)
    assert set(source.splits) == {"train", "validation", "test"}
    assert records(tmp_path) == ROWS
    assert records(tmp_path, split="test") == ROWS[1:2]
    assert len(source.sha256()) == 64
    assert source.sha256() != source.sha256("test")


def test_a_data_set_of_the_local_cache_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    for config in ("plain", "hard"):
        folder = tmp_path / "datasets" / "ember___facts" / config / "0.0.0" / "f00d"
        write_arrow(folder / "facts-train.arrow", ROWS)
        write_arrow(folder / "facts-validation.arrow", ROWS[:1])
        (folder / "dataset_info.json").write_text("{}")
    assert records("ember/facts:hard") == ROWS
    assert set(Source.find("ember/facts:hard").splits) == {"train", "validation"}
    with pytest.raises(InvalidRequest, match="configurations hard, plain"):
        Source.find("ember/facts")
    snapshot = tmp_path / "hub" / "datasets--ember--tasks" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(ROWS), snapshot / "train.parquet")
    assert records("ember/tasks") == ROWS
    for missing in ("ember/nothing", "../etc", "a b"):
        with pytest.raises(NotFound):
            Source.find(missing)


def test_a_damaged_row_is_named_in_every_format(tmp_path: Path) -> None:
    table = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist([*ROWS, {"prompt": "x", "completion": ""}]), table)
    with pytest.raises(InvalidRequest, match=r"a\.parquet, row 6"):
        every(table)
    table.write_bytes(table.read_bytes()[:-40])
    with pytest.raises(InvalidRequest, match=r"a\.parquet, row 1: cannot be read"):
        every(table)
    arrow = write(tmp_path / "stream.arrow")
    arrow.write_bytes(arrow.read_bytes()[:-200])
    with pytest.raises(InvalidRequest, match=r"stream\.arrow, row \d: cannot be read"):
        every(arrow)
    comma = tmp_path / "a.csv"
    comma.write_text("prompt,completion\na,b\nc\n")
    with pytest.raises(InvalidRequest, match=r"a\.csv, line 3: does not have 2 cells"):
        every(comma)
    comma.write_bytes(b"prompt,completion\na,\xff\n")
    with pytest.raises(InvalidRequest, match="UTF-8"):
        every(comma)
    comma.write_text('prompt,completion\na,"b" c\n')
    with pytest.raises(InvalidRequest, match=r"a\.csv, line 2: is not a row"):
        every(comma)
    array = tmp_path / "a.json"
    for text, what in (
        ('[{"text": "a"}, 5]', "element 2: is not an object"),
        ('[{"text": "a"} {"text": "b"}]', "element 2: ',' is missing"),
        ('[{"text": "a"}, {"te', "element 2: is not valid JSON"),
        ('[{"text": "a"},', "element 2: is not valid JSON"),
        ("[]", "no examples"),
        ("[" * 50_000, "element 1: is"),
    ):
        array.write_text(text)
        with pytest.raises(InvalidRequest, match=what):
            every(array)


@pytest.mark.parametrize("name", ["big.json", "big.parquet", "big.jsonl", "big.csv"])
def test_a_file_is_never_whole_in_memory(tmp_path: Path, name: str) -> None:
    rows = [{"text": f"{n} " + "word " * 4000} for n in range(1500)]
    path = tmp_path / name
    match path.suffix:
        case ".json":
            path.write_text(json.dumps(rows))
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case ".csv":
            write_csv(path, rows)
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=100, compression="none")
    size = sum(len(row["text"]) for row in rows)
    del rows
    every(path)[:1]  # what is imported on first use does not count
    tracemalloc.start()
    count = sum(1 for _ in Source.find(path).examples())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1500
    assert peak < size / 3


def test_a_wrong_mapping_is_named() -> None:
    for text in ("prompt", "king=queen", "prompt="):
        with pytest.raises(InvalidRequest, match="columns"):
            Columns(text)
