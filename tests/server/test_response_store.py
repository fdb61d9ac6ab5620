"""Stored responses: bounded, private, durable."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ingle.capabilities.chat.http.response_database import ResponseDatabase
from ingle.capabilities.chat.http.response_store import ResponseStore, StoredResponse
from ingle.errors import ResponseNotFound
from ingle.operations import ImagePart, Message, TextPart, ToolCall
from ingle.server.settings import ServerSettings

from .running import Running, running

ROOT = Path(__file__).parents[2]


def stored(identifier: str, text: str = "hi") -> StoredResponse:
    item = {"type": "message", "id": f"msg_{identifier}", "role": "user", "content": text}
    turns = [Message(role="user", content=text)]
    answer = Message(role="assistant", content="yes", tool_calls=[ToolCall(id="c", name="f")])
    return StoredResponse({"id": identifier, "status": "completed"}, [item], [*turns, answer])


def test_what_is_put_comes_back_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state" / "responses.sqlite"
    picture = Message(role="user", content=[TextPart(text="a"), ImagePart(data=b"\x00\xff")])
    first = ResponseDatabase(path)
    ResponseStore(first).put(stored("resp_a")._replace(conversation=[picture]))
    first.close()
    assert path.stat().st_mode & 0o077 == 0
    second = ResponseDatabase(path)
    store = ResponseStore(second)
    found = store.get("resp_a")
    assert found.conversation == [picture]
    assert found.input == stored("resp_a").input
    assert store.item("msg_resp_a") == found.input[0]
    store.delete("resp_a")
    assert store.item("msg_resp_a") is None
    with pytest.raises(ResponseNotFound):
        store.get("resp_a")
    with pytest.raises(ResponseNotFound):
        store.delete("resp_a")
    second.close()


STORING = """
import re, sys
from pathlib import Path
from tests.server.test_response_store import ResponseDatabase, ResponseStore, stored

def most_memory():
    found = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024

text = "word " * (30 * 2**20 // 5)
store = ResponseStore(ResponseDatabase(Path(sys.argv[1])))
before = most_memory()
store.put(stored("resp_a", text))
print((most_memory() - before) / len(text))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_large_response_is_stored_in_proportion(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STORING, str(tmp_path / "responses.sqlite")]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert float(told.stdout) < 3, "it is written twice, and encoded once for each"


def test_what_an_older_version_stored_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE responses (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL"
            " UNIQUE, response BLOB NOT NULL, turns BLOB NOT NULL, conversation BLOB NOT NULL,"
            " size INTEGER NOT NULL)"
        )
        connection.execute(
            "INSERT INTO responses (id, response, turns, conversation, size)"
            " VALUES (?, ?, ?, ?, ?)",
            ("resp_a", b'{"id":"resp_a"}', b"[]", b'[{"role":"user","content":"hi"}]', 10),
        )
    database = ResponseDatabase(path)
    found = ResponseStore(database).get("resp_a")
    assert found.conversation == [Message(role="user", content="hi")]
    database.close()


def test_the_oldest_go_first() -> None:
    database = ResponseDatabase(None)
    store = ResponseStore(database, most_responses=3, most_bytes=1 << 20)
    for number in range(5):
        store.put(stored(f"resp_{number}"))
    for gone in ("resp_0", "resp_1"):
        with pytest.raises(ResponseNotFound):
            store.get(gone)
        assert store.item(f"msg_{gone}") is None
    assert store.get("resp_4").response["id"] == "resp_4"
    database.close()


def test_large_ones_push_others_out() -> None:
    database = ResponseDatabase(None)
    store = ResponseStore(database, most_responses=100, most_bytes=14_000)
    store.put(stored("resp_small"))
    store.put(stored("resp_large", "x" * 6000))
    assert store.get("resp_small")
    store.put(stored("resp_more", "x" * 900))
    with pytest.raises(ResponseNotFound):
        store.get("resp_small")
    database.close()


def test_responses_survive_a_restart_of_the_server(tmp_path: Path) -> None:
    settings = ServerSettings(state_dir=tmp_path)
    with running(settings) as server:
        identifier = server.post("/v1/responses", {"input": "one"}).json()["id"]
        kept_out = server.post("/v1/responses", {"input": "x", "store": False}).json()["id"]
    with running(settings) as server:
        assert server.get(f"/v1/responses/{identifier}").status_code == 200
        assert server.get(f"/v1/responses/{kept_out}").status_code == 404
        asked = {"input": "two", "previous_response_id": identifier}
        assert server.post("/v1/responses", asked).status_code == 200
        chat = server.node.performed[-1]
        assert [m.text for m in chat.messages] == ["one", "Hello, wide world!", "two"]  # type: ignore[attr-defined]
        lost = server.post("/v1/responses", {"input": "x", "previous_response_id": kept_out})
        assert lost.status_code == 404
        assert lost.json()["error"]["param"] == "previous_response_id"


def test_input_items_are_paged(server: Running) -> None:
    turns = [{"role": "user", "content": str(number)} for number in range(5)]
    identifier = server.post("/v1/responses", {"input": turns}).json()["id"]
    path = f"/v1/responses/{identifier}/input_items"
    page = server.get(f"{path}?limit=2&order=asc").json()
    assert [item["content"][0]["text"] for item in page["data"]] == ["0", "1"]
    assert page["has_more"] is True
    assert server.get(path).json()["data"][0]["content"][0]["text"] == "4"
    for bad in ("0", "101", "x", "-1"):
        assert server.get(f"{path}?limit={bad}").status_code == 400


def test_counting_a_response(server: Running) -> None:
    counted = server.post("/v1/responses/input_tokens", {"input": "one two three"}).json()
    assert counted == {"object": "response.input_tokens", "input_tokens": 3}
