"""Served: a model under evaluation behind `ingle serve`, asked over HTTP as any program asks it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
from numpy.typing import NDArray

from . import chat

T = TypeVar("T")
SLOTS = 4  # requests at once
SECONDS = 300  # for one answer


class Served:
    """`with Served(folder) as served: served.add("ember", path)`; its state is in the folder."""

    def __init__(self, folder: Path, context: int) -> None:
        self.context = context
        self.longest = context // 16  # tokens; what has not ended by then does not stop
        self.environment = {
            **os.environ,
            "INGLE_STATE_DIR": str(folder / "state"),
            "INGLE_MODELS_DIR": str(folder / "models"),
            "INGLE_CONFIG": str(folder / "ingle.toml"),
        }

    def _ingle(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "ingle.cli.main", *arguments]

    def __enter__(self) -> Served:
        command = self._ingle(
            "serve", "--port", "0", "--slots", str(SLOTS), "--context", str(self.context)
        )
        self._process = subprocess.Popen(
            command, env=self.environment, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None
        first = self._process.stderr.readline()
        found = [word for word in first.split() if word.startswith("http://")]
        if not found:
            raise RuntimeError(f"ingle serve did not start: {first}{self._process.stderr.read()}")
        self.address = found[0]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(120)  # on busy cores a worker takes its time to end
        if self._process.stderr is not None:
            self._process.stderr.close()

    def add(self, name: str, file: Path) -> None:
        subprocess.run(
            self._ingle("pull", name, "--from", str(file.resolve())),
            env=self.environment, check=True, capture_output=True,
        )  # fmt: skip

    def post(self, path: str, body: dict[str, Any]) -> Any:
        reply = httpx.post(self.address + path, json=body, timeout=SECONDS)
        if reply.is_error:
            raise RuntimeError(f"{path}: {reply.text}")
        return reply.json()

    def at_once(self, function: Any, jobs: Iterable[T]) -> Iterator[Any]:
        """`function` of every job, as many at a time as there are slots, in order."""
        with ThreadPoolExecutor(SLOTS) as threads:
            yield from threads.map(function, jobs)

    def answer(self, model: str, conversation: chat.Conversation) -> dict[str, Any]:
        """The first choice: message and finish reason."""
        body: dict[str, Any] = {
            "model": model,
            "messages": as_openai(conversation.messages[:-1]),
            "max_tokens": self.longest,
            "temperature": 0,
            "chat_template_kwargs": {"enable_thinking": conversation.thinking},
        }
        if conversation.tools:
            body["tools"] = conversation.tools
        choice: dict[str, Any] = self.post("/v1/chat/completions", body)["choices"][0]
        return choice

    def bits(self, model: str, text: str) -> NDArray[np.float64]:
        """What each token of the text after the first costs."""
        body = {"model": model, "prompt": text, "echo": True, "max_tokens": 0, "logprobs": 1}
        listed = self.post("/v1/completions", body)["choices"][0]["logprobs"]["token_logprobs"]
        cost: NDArray[np.float64] = -np.array(listed[1:], np.float64) / np.log(2)
        return cost

    def vectors(
        self, model: str, texts: list[str], kind: str, together: int = 16
    ) -> NDArray[np.float32]:
        """`kind` is query or passage: the server puts the model's prefix for it before each."""

        def some(start: int) -> list[list[float]]:
            few = texts[start : start + together]
            body = {"model": model, "input": few, "input_type": kind}
            return [item["embedding"] for item in self.post("/v1/embeddings", body)["data"]]

        rows = [row for part in self.at_once(some, range(0, len(texts), together)) for row in part]
        return np.array(rows, np.float32)

    def tokens(self, model: str, text: str) -> list[int]:
        body = {"model": model, "prompt": text, "parse_special": True}
        found: list[int] = self.post("/v1/tokenize", body)["tokens"]
        return found

    def speed(self, model: str, answers: int = 3) -> float:
        """Tokens a second of one long answer, the best of some, as its reader sees them."""
        best = 0.0
        for _ in range(answers):
            body = {
                "model": model, "prompt": "NAME\n\n", "max_tokens": 256, "temperature": 0.8,
                "ignore_eos": True,
            }  # fmt: skip
            started = time.monotonic()
            written = self.post("/v1/completions", body)["usage"]["completion_tokens"]
            best = max(best, written / (time.monotonic() - started))
        return best


def as_openai(messages: list[chat.Message]) -> list[chat.Message]:
    """Arguments as text and calls with ids, as the HTTP interface has them."""
    out = []
    for message in messages:
        copied = {**message, "tool_call_id": "0"} if message["role"] == "tool" else dict(message)
        for number, call in enumerate(message.get("tool_calls", [])):
            function = call["function"]
            text = {"name": function["name"], "arguments": json.dumps(function["arguments"])}
            listed = copied["tool_calls"] if number else []
            made = {"id": str(number), "type": "function", "function": text}
            copied["tool_calls"] = [*listed, made]
        out.append(copied)
    return out
