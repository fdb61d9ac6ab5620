"""What ``import ingle`` offers, and that it costs nothing."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import ingle
from ingle import AsyncChat, AsyncHome, Conversation, Home

PUBLIC = [
    "Answer",
    "AsyncChat",
    "AsyncHome",
    "AudioPart",
    "Conversation",
    "Home",
    "ImagePart",
    "IngleError",
    "Message",
    "Sampling",
    "Settings",
    "TextPart",
    "Tool",
    "ToolCall",
    "errors",
    "open",
    "open_async",
]
HOME = {
    *("adapters", "add_adapter", "ask", "chat", "complete", "copy", "create"),
    *("disk_usage", "embed", "events", "fit", "ledger", "load", "models", "offer", "prune", "pull"),
    *("recommend", "remove", "remove_adapter", "verify_store"),
    *("rerank", "resume", "show", "status", "suspend", "tokenize", "unload"),
    *("speak", "speaking", "voices", "talk", "imagine", "imagining", "detect"),
    *("translate", "translating", "translate_document", "translating_document"),
    *("peers", "invite", "join", "forget", "grant", "grants", "revoke"),
    *("train", "resume_run", "runs", "show_run", "stop_run", "remove_run"),
    *("show_adapter", "allow_adapter"),
    *("jobs", "show_job", "follow_job", "pause_job", "stop_job", "resume_job", "remove_job"),
    "compare_jobs",
    *("put_blob", "get_blob", "blobs", "forget_blob", "capability"),
    *("transcribe", "transcription"),
    *("count_tokens", "extract"),
    *("add_documents", "ask_collection", "collections", "remove_collection", "search"),
    *("pull_collection", "share_collection"),
    *("ocr", "ocr_events", "searchable_pdf"),
    *("quantize", "make_imatrix", "compare_models", "finished"),
}


def test_the_public_names_are_these() -> None:
    """Adding a name is a decision; taking one away breaks programs."""
    assert ingle.__all__ == PUBLIC
    assert dir(ingle) == PUBLIC
    for name in PUBLIC:
        assert getattr(ingle, name) is not None
    with pytest.raises(AttributeError, match="nope"):
        _ = ingle.nope


def test_importing_it_imports_nothing_heavy() -> None:
    code = "import sys, ingle; print(*{name.partition('.')[0] for name in sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"anyio", "asyncio", "click", "httpx", "msgspec", "numpy", "rich", "starlette"}
    heavy |= {"tomlkit", "uvicorn", "xllamacpp"}
    assert not heavy & set(found.stdout.split())


def public(cls: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize(("face", "twin"), [(Home, AsyncHome), (Conversation, AsyncChat)])
def test_both_faces_have_the_same_methods(face: type, twin: type) -> None:
    assert public(face) == public(twin)
    for name in public(twin):
        assert not inspect.iscoroutinefunction(getattr(face, name)), name
        assert getattr(face, name).__doc__ == getattr(twin, name).__doc__


def test_what_a_home_can_do() -> None:
    assert set(public(AsyncHome)) == HOME
    assert set(public(AsyncChat)) == {"send", "stream", "events"}
