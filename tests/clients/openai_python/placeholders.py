"""A proxy that gives the SDK's tests what they name.

They are written for a mock server, which answers for any id, and name the same few: a response
``resp_123``, a conversation ``conv_123``, an item ``msg_abc``. The proxy makes a new one of each
for every request that names it, and passes the request on with the true id. Nothing else of a
request is changed, and nothing of an answer.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_RESPONSE = re.compile(
    "resp_677efb5139a88190b512bc3fef8e535d|resp_123|(?<=/responses/)response_id"
    '|(?<=:")previous_response_id(?=")'
)
_CONVERSATION = re.compile(r"\bconv_123\b")
_ITEM = re.compile(r"\bmsg_abc\b")
_TURN = {"type": "message", "role": "user", "content": "hello"}
_HOPS = {"host", "content-length", "connection", "transfer-encoding", "content-encoding"}


class Placeholders:
    """Makes what a request names."""

    def __init__(self, client: httpx.Client, model: str) -> None:
        self._client = client
        self._model = model

    def filled(self, text: str) -> str:
        """The text with true ids."""
        if _CONVERSATION.search(text):
            conversation, item = self._conversation()
            text = _ITEM.sub(item, _CONVERSATION.sub(conversation, text))
        if _RESPONSE.search(text):
            text = _RESPONSE.sub(self._response(), text)
        return text

    def _conversation(self) -> tuple[str, str]:
        made = self._client.post("/v1/conversations", json={"items": [_TURN]}).json()["id"]
        listed = self._client.get(f"/v1/conversations/{made}/items").json()
        return str(made), str(listed["data"][0]["id"])

    def _response(self) -> str:
        body = {
            "model": self._model,
            "input": "hello",
            "max_output_tokens": 1,
            "background": True,
            "stream": True,
        }
        streamed = self._client.post("/v1/responses", json=body).text
        found = re.search(r'"id":"(resp_\w+)"', streamed)
        assert found is not None, streamed
        return found[1]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: tests leave in the middle of answers."""


@contextmanager
def proxied(url: str, model: str) -> Iterator[str]:
    """The address of a proxy in front of a server."""
    with httpx.Client(base_url=url, timeout=120) as client:
        placeholders = Placeholders(client, model)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = placeholders.filled(self.rfile.read(length).decode())
                answer = client.request(
                    self.command,
                    placeholders.filled(self.path),
                    content=body.encode(),
                    headers=[item for item in self.headers.items() if item[0].lower() not in _HOPS],
                )
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name not in _HOPS:
                        self.send_header(name, value)
                self.send_header("content-length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_GET = do_POST = do_DELETE = _pass_on

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        with _Server(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()
