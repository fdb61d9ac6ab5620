"""Conversations that are kept on the server."""

from __future__ import annotations

from typing import Any

import pytest

from ingle.capabilities.chat.http.conversation_store import ConversationStore, StoredConversation
from ingle.capabilities.chat.http.response_database import ResponseDatabase
from ingle.errors import InvalidRequest, ResponseNotFound

from .running import Running

HELLO = {"type": "message", "role": "user", "content": "hello"}


def created(server: Running, **body: Any) -> dict[str, Any]:
    answer = server.post("/v1/conversations", body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def texts(server: Running) -> list[str]:
    return [m.text for m in server.node.performed[-1].messages]  # type: ignore[attr-defined]


def test_it_is_created_changed_and_deleted(server: Running) -> None:
    found = created(server, metadata={"topic": "demo"}, items=[HELLO])
    assert found["object"] == "conversation"
    path = f"/v1/conversations/{found['id']}"
    assert server.get(path).json() == found
    changed = server.post(path, {"metadata": {"topic": "other"}}).json()
    assert changed == {**found, "metadata": {"topic": "other"}}
    gone = server.client.delete(path).json()
    assert gone == {"id": found["id"], "object": "conversation.deleted", "deleted": True}
    assert server.get(path).status_code == 404
    assert server.get(f"{path}/items").status_code == 404
    assert server.client.post("/v1/conversations").status_code == 200


def test_items_are_listed_added_and_removed(server: Running) -> None:
    path = f"/v1/conversations/{created(server, items=[HELLO])['id']}"
    items = [{"role": "user", "content": str(number)} for number in range(3)]
    added = server.post(f"{path}/items", {"items": items}).json()
    assert [item["content"][0]["text"] for item in added["data"]] == ["0", "1", "2"]
    assert added["first_id"] == added["data"][0]["id"]
    page = server.get(f"{path}/items?limit=2").json()
    assert [item["content"][0]["text"] for item in page["data"]] == ["2", "1"]
    assert page["has_more"] is True
    rest = server.get(f"{path}/items?limit=2&after={page['last_id']}").json()
    assert [item["content"][0]["text"] for item in rest["data"]] == ["0", "hello"]
    assert rest["has_more"] is False
    one = rest["data"][0]
    assert server.get(f"{path}/items/{one['id']}").json() == one
    assert server.client.delete(f"{path}/items/{one['id']}").json()["object"] == "conversation"
    assert server.get(f"{path}/items/{one['id']}").status_code == 404
    assert server.client.delete(f"{path}/items/{one['id']}").status_code == 404
    assert server.get(f"{path}/items?after=none").status_code == 400


@pytest.mark.parametrize("form", ["id", "object"])
def test_responses_continue_it(server: Running, form: str) -> None:
    identifier = created(server, items=[HELLO])["id"]
    reference = identifier if form == "id" else {"id": identifier}
    first = server.post("/v1/responses", {"input": "one", "conversation": reference}).json()
    assert first["conversation"] == {"id": identifier}
    assert texts(server) == ["hello", "one"]
    body = {"input": "two", "conversation": reference, "stream": True, "store": False}
    assert server.post("/v1/responses", body).status_code == 200
    assert texts(server) == ["hello", "one", "Hello, wide world!", "two"]
    items = server.get(f"/v1/conversations/{identifier}/items?order=asc").json()["data"]
    assert [item["role"] for item in items] == ["user", "user", "assistant", "user", "assistant"]
    assert len({item["id"] for item in items}) == 5
    counted = {"input": "a b", "conversation": identifier}
    assert server.post("/v1/responses/input_tokens", counted).json()["input_tokens"] == 11


def test_an_item_is_sent_by_its_id(server: Running) -> None:
    first = server.post("/v1/responses", {"input": "one"}).json()
    said = first["output"][0]["id"]
    for reference in ({"type": "item_reference", "id": said}, {"id": said}):
        turns = [{"role": "user", "content": "one"}, reference, {"role": "user", "content": "two"}]
        assert server.post("/v1/responses", {"input": turns}).status_code == 200
        assert texts(server) == ["one", "Hello, wide world!", "two"]
    lost = server.post("/v1/responses", {"input": [{"type": "item_reference", "id": "msg_x"}]})
    assert lost.status_code == 400
    assert lost.json()["error"]["param"] == "input[0].id"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": {"a": "x" * 513}}, "metadata"),
        ({"items": [{"role": "user", "content": [{"type": "x"}]}]}, "items[0].content[0].type"),
        ({"items": [HELLO] * 21}, "items"),
    ],
)
def test_what_is_wrong_is_named(server: Running, body: dict[str, Any], field: str) -> None:
    answer = server.post("/v1/conversations", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith(field)


def test_one_that_is_not_there(server: Running) -> None:
    answer = server.post("/v1/responses", {"input": "x", "conversation": "conv_none"})
    assert answer.status_code == 404
    assert answer.json()["error"]["param"] == "conversation"


def test_they_are_bounded() -> None:
    database = ResponseDatabase(None)
    store = ConversationStore(database, most_conversations=2, most_items_bytes=1000)
    item = {"id": "msg_1", "type": "message", "role": "user", "content": "x" * 300}
    for number in range(3):
        store.create(StoredConversation(f"conv_{number}", number, {}), [item])
    with pytest.raises(ResponseNotFound):
        store.get("conv_0")
    store.add("conv_2", [item])
    with pytest.raises(InvalidRequest, match="at most 1000 bytes"):
        store.add("conv_2", [item])
    assert len(store.items("conv_2")) == 2
    database.close()
