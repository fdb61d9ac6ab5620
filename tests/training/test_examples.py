"""Every format and form that examples come in, and what is said of those that are damaged."""

from __future__ import annotations

import csv
import gzip
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


def only(tmp_path: Path, row: Any) -> Example:
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    (example,) = every(tmp_path / "a.jsonl")
    return example


ASK = {"role": "user", "content": "Hi"}
SAY = {"role": "assistant", "content": "Ho"}


@pytest.mark.parametrize(
    ("row", "masked"),
    [
        ({"messages": [ASK, {**SAY, "weight": 0}, ASK, {**SAY, "weight": 1}]}, {1}),
        ({"messages": [ASK, {**SAY, "train": False}, ASK, SAY]}, {1}),
        ({"messages": [{**ASK, "train": False}, {**SAY, "training": True}]}, set()),
        ({"conversations": [{"from": "human", "value": "Hi"},
                            {"from": "gpt", "value": "Ho", "weight": 0},
                            {"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}],
          "system": "Be brief."}, {2}),
        ({"prompt": [ASK, SAY, ASK], "completion": [SAY]}, {1}),
    ],
)  # fmt: skip
def test_turns_that_are_not_to_be_learned_are_masked(
    tmp_path: Path, row: Any, masked: set[int]
) -> None:
    example = only(tmp_path, row)
    assert example.masked == masked
    assert {name for message in example.messages for name in message} == {"role", "content"}
    assert example.unused == set()
    assert only(tmp_path, example.record) == example  # as it goes to a paired device


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"input": "Hi", "output": "Ho"}, {"prompt": "Hi", "completion": "Ho"}),
        ({"question": "Hi", "answer": "Ho"}, {"prompt": "Hi", "completion": "Ho"}),
        ({"query": "Hi", "response": "Ho"}, {"prompt": "Hi", "completion": "Ho"}),
        ({"instruction": "Say", "context": "Hi", "response": "Ho"},
         {"prompt": "Say\n\nHi", "completion": "Ho"}),
        ({"instruction": "Hi", "input": "", "output": "Ho", "history": [["A?", "A."]]},
         {"messages": [{"role": "user", "content": "A?"}, {"role": "assistant", "content": "A."},
                       ASK, SAY]}),
        ({"prompt": [ASK], "completion": "Ho"}, {"messages": [ASK, SAY]}),
        ({"conversation": [{"human": "Hi", "assistant": "Ho"}]}, {"messages": [ASK, SAY]}),
        ({"conversation": [{"system": "S", "input": "Hi", "output": "Ho"}]},
         {"messages": [{"role": "system", "content": "S"}, ASK, SAY]}),
        ({"conversations": [{"from": "Human", "text": "Hi"}, {"role": "GPT", "value": "Ho"}]},
         {"messages": [ASK, SAY]}),
        ({"messages": [ASK, {**SAY, "thinking": "Hm"}]},
         {"messages": [ASK, {**SAY, "reasoning_content": "Hm"}]}),
        ({"messages": [ASK, {**SAY, "reasoning_content": "Hm"}]},
         {"messages": [ASK, {**SAY, "reasoning_content": "Hm"}]}),
    ],
)  # fmt: skip
def test_other_names_for_the_same(tmp_path: Path, row: Any, expected: Any) -> None:
    example = only(tmp_path, row)
    assert example.record == expected
    assert example.unused == set()


def test_calls_of_the_old_form(tmp_path: Path) -> None:
    look = {"name": "look", "arguments": '{"at": "sky"}'}
    messages = [ASK, {"role": "assistant", "content": None, "function_call": look},
                {"role": "function", "name": "look", "content": "blue"}, SAY]  # fmt: skip
    example = only(
        tmp_path, {"messages": messages, "functions": [{"name": "look", "parameters": {}}]}
    )
    (call,) = example.messages[1]["tool_calls"]
    assert call["function"] == {"name": "look", "arguments": {"at": "sky"}}
    assert example.messages[2] == {"role": "tool", "name": "look", "content": "blue"}
    assert example.tools == [{"type": "function", "function": {"name": "look", "parameters": {}}}]


def test_an_example_that_is_sent_keeps_its_variables(tmp_path: Path) -> None:
    options = {"enable_thinking": False}
    for row in ({"messages": [ASK, SAY]}, {"prompt": "Hi", "completion": "Ho"}):
        example = only(tmp_path, {**row, "chat_template_kwargs": options})
        assert example.template_options == options
        assert only(tmp_path, example.record) == example
    with pytest.raises(InvalidRequest, match="chat_template_kwargs is not an object"):
        only(tmp_path, {"prompt": "Hi", "completion": "Ho", "chat_template_kwargs": "x"})


def test_what_no_one_reads_is_named(tmp_path: Path) -> None:
    row = {"messages": [{**ASK, "id": 1}, {**SAY, "score": 2}], "source": "x", "system": ""}
    assert only(tmp_path, row).unused == {"messages.id", "messages.score", "source"}
    row = {"q": "Hi", "a": "Ho", "source": "x"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    (example,) = every(tmp_path / "a.jsonl", "prompt=q,completion=a")
    assert example.unused == {"source"}


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"prompt": "Hi", "completion": "Ho", "label": False}, "KTO"),
        ({"prompt": "Hi", "completion": "Ho", "images": ["a.png"]}, "has images"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}, SAY]}, "the type image"),
        ({"messages": [ASK, {"role": "assistant", "content": ""}]}, "message 2 is an empty answer"),
        ({"messages": [ASK, {**SAY, "weight": 0.5}]}, "message 2 has the weight 0.5"),
        ({"messages": [{**ASK, "train": True}, SAY]}, "message 1 is to be trained on"),
        ({"messages": [ASK, {**SAY, "reasoning": {"a": 1}}]}, "reasoning that is not text"),
        ({"messages": ["Hi", SAY]}, "message 1 is not an object"),
        ({"prompt": [ASK], "completion": [ASK]}, "without an assistant message"),
        ({"instruction": "Hi", "output": "Ho", "history": [["A?"]]}, "history is not a list"),
        ({"question": "Hi", "answer": ""}, "empty answer"),
        ({"prompt": "Hi", "completion": "\ud83d"}, "half a character"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_on_is_named(tmp_path: Path, row: Any, what: str) -> None:
    for name, text in (
        ("a.jsonl", "\n" + json.dumps(row)),
        ("a.json", json.dumps([{"text": "fine"}, row])),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(InvalidRequest, match=what) as error:
            every(tmp_path / name)
        assert error.value.details["line"] == 2


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


def test_pairs_and_questions_with_images_are_refused_too(tmp_path: Path) -> None:
    images = {"prompt": "Hi", "images": ["a.png"]}
    (tmp_path / "a.jsonl").write_text(json.dumps({**images, "chosen": "Ho", "rejected": "No"}))
    with pytest.raises(InvalidRequest, match="line 1: has images"):
        list(Source.find(tmp_path / "a.jsonl").preferences())
    with pytest.raises(InvalidRequest, match="line 1: has images"):
        list(Source.find(tmp_path / "a.jsonl").questions())


def test_a_question_may_be_a_list_of_messages(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"prompt": [ASK], "answer": "Ho"}))
    (question,) = Source.find(tmp_path / "a.jsonl").questions()
    assert question.messages == [ASK]
    assert question.fields["answer"] == "Ho"


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv"])
@pytest.mark.parametrize(
    ("encoding", "what"), [("utf-16", "UTF-16"), ("utf-32", "UTF-32"), ("gzip", "gzip")]
)
def test_a_file_in_another_encoding_says_what_converts_it(
    tmp_path: Path, suffix: str, encoding: str, what: str
) -> None:
    path = write(tmp_path / f"a{suffix}")
    text = path.read_text(encoding="utf-8")
    path.write_bytes(gzip.compress(text.encode()) if what == "gzip" else text.encode(encoding))
    with pytest.raises(InvalidRequest, match=what) as error:
        every(path)
    command = "gunzip -k" if what == "gzip" else f"iconv -f {what} -t UTF-8"
    assert error.value.hint.startswith(f"{command} {path}")


def test_a_packed_file_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n'))
    with pytest.raises(InvalidRequest, match="a gzip file"):
        every(path)


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv"])
def test_a_line_of_200_mb_is_refused_before_it_is_read(tmp_path: Path, suffix: str) -> None:
    begins = {
        ".jsonl": b'{"text": "fine"}\n',
        ".json": b'[{"text": "fine"},',
        ".csv": b"text\nfine\n",
    }
    path = tmp_path / f"a{suffix}"
    with path.open("wb") as file:
        file.write(begins[suffix] + b'{"text": "' + b"x" * 200_000_000)
    tracemalloc.start()
    with pytest.raises(InvalidRequest, match=r"16 MiB") as error:
        every(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert error.value.details["line"] in (2, 3)
    assert peak < 160_000_000


@pytest.mark.parametrize("how", ["appended", "replaced", "cut"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, how: str) -> None:
    path = write(tmp_path / "a.jsonl")
    source = Source.find(path)
    rows = source.examples()
    next(rows)
    match how:
        case "appended":
            path.write_text(path.read_text() + '{"text": "one more"}\n')
        case "replaced":
            (tmp_path / "b.jsonl").write_text(path.read_text())
            (tmp_path / "b.jsonl").replace(path)
        case "cut":
            path.write_text('{"text": "o')
    with pytest.raises(InvalidRequest, match=r"a\.jsonl changed while it was read"):
        list(rows)
    with pytest.raises(InvalidRequest, match="changed"):
        list(source.examples())
    with pytest.raises(InvalidRequest, match="changed"):
        source.sha256()
    assert list(Source.find(path).examples()) if how != "cut" else True


def test_a_wrong_mapping_is_named() -> None:
    for text in ("prompt", "king=queen", "prompt="):
        with pytest.raises(InvalidRequest, match="columns"):
            Columns(text)
