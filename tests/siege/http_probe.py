"""Requests that no client would send: every choice of each part of a request, by chance."""

from __future__ import annotations

import json
import random
from typing import NamedTuple

LARGE = 30 << 20
TOKEN = "the-owners-token"
READ_ROUTES = (
    "/", "/healthz", "/metrics", "/v1/models", "/v1/models/ember", "/api/tags", "/api/ps",
    "/api/version", "/v1/responses/resp_1", "/v1/responses/resp_1/input_items",
    "/v1/conversations/conv_1", "/v1/conversations/conv_1/items", "/v1/blobs/" + "0" * 64,
    "/api/blobs/sha256:" + "0" * 64,
)  # fmt: skip
WORDS = {"role": "user", "content": "Hi"}
BODIES: dict[str, dict[str, object]] = {
    "/v1/chat/completions": {"model": "ember", "messages": [WORDS], "max_tokens": 1},
    "/v1/completions": {"model": "ember", "prompt": "x", "max_tokens": 1},
    "/v1/responses": {"model": "ember", "input": "x", "max_output_tokens": 16, "store": False},
    "/v1/responses/compact": {"model": "ember", "input": "x"},
    "/v1/responses/input_tokens": {"model": "ember", "input": "x"},
    "/v1/conversations": {"metadata": {"a": "b"}},
    "/v1/embeddings": {"model": "ember-embed", "input": "x"},
    "/v1/rerank": {"model": "ember-embed", "query": "x", "documents": ["y"]},
    "/v1/tokenize": {"model": "ember", "content": "x"},
    "/v1/detokenize": {"model": "ember", "tokens": [1]},
    "/v1/messages": {"model": "ember", "messages": [WORDS], "max_tokens": 1},
    "/v1/messages/count_tokens": {"model": "ember", "messages": [WORDS]},
    "/api/chat": {"model": "ember", "messages": [WORDS], "options": {"num_predict": 1}},
    "/api/generate": {"model": "ember", "prompt": "x", "options": {"num_predict": 1}},
    "/api/embed": {"model": "ember-embed", "input": "x"},
    "/api/embeddings": {"model": "ember-embed", "prompt": "x"},
    "/api/show": {"model": "ember"},
    "/api/pull": {"model": "hf.co/no/such", "stream": False},
    "/api/copy": {"source": "ember", "destination": "siege-copy"},
    "/api/create": {"model": "siege-made", "from": "ember", "stream": False},
    "/api/delete": {"model": "siege-copy"},
}
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "get", "PROPFIND")
OWN_HOSTS = ("127.0.0.1", "localhost", "[::1]", "127.0.0.1:11411", "a.localhost", "LOCALHOST.")
FOREIGN_HOSTS = (
    "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "localhost:x",
    "user@localhost", "[::1", "0x7f.1", "localhost, evil.example", "127.0.0.1/evil", "\xe9vil",
)  # fmt: skip
OWN_ORIGINS = ("http://localhost", "http://127.0.0.1:3000", "https://[::1]")
FOREIGN_ORIGINS = (
    "null", "http://evil.example", "http://localhost.evil.example", "http://localhost@evil.example",
    "file://", "javascript:alert(1)", "http://", "app://evil", "http://[::1", "*",
)  # fmt: skip
WRONG_TOKENS = (
    "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x",
    f"Bearer {TOKEN[:-1]}", "Bearer \xff\xfe", f"Bearer{TOKEN}", "Bearer " + "a" * 3000,
)  # fmt: skip
ODD_HEADERS = (
    "Content-Type: text/plain", "Content-Type: multipart/form-data; boundary=x",
    "Content-Encoding: gzip", "Transfer-Encoding: gzip, chunked", "Expect: 100-continue",
    "Expect: something", "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x",
    "Upgrade: h2c\r\nHTTP2-Settings: AAA", "Range: bytes=0-1", "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-Host: localhost", "Forwarded: for=127.0.0.1", "Sec-Fetch-Site: cross-site",
    "X-Request-Id: " + "a" * 500, "X-Request-Id: a\tb", "Anthropic-Version: x", "Cookie: a=b",
    "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: x\ty", "A:",
    "Accept: text/html", "Keep-Alive: timeout=99999", "Content-Length: 5", "Host: localhost",
    "Content-Length: -1", "Content-Length: 99999999999999999999", "\x00: a", "A: b\x00c", " A: b",
    "A\r\n b: c", "X: " + "a" * 70_000, "\r\n".join(f"X{at}: a" for at in range(150)),
)  # fmt: skip
VALUES: tuple[object, ...] = (
    None, True, -1, 0, 2**63, 10**30, 1e308, 0.5, "", "x", "\ud800", "../../etc/passwd",
    "x" * 5000, [], {}, [[]], [None], {"a": {"b": [1]}}, "%s%n", "\u0000", "🦀" * 50, [[1, 2], "x"],
    "-1",
)  # fmt: skip
FIELDS = (
    "n", "seed", "stream", "stop", "tools", "tool_choice", "response_format", "logprobs", "options",
    "format", "keep_alive", "temperature", "images", "input", "messages", "model", "prompt",
    "think", "context", "previous_response_id", "conversation", "system", "template",
    "files", "dimensions",
)  # fmt: skip


class HttpProbe(NamedTuple):
    """One request as bytes, and what is known of its answer beforehand."""

    data: bytes
    left_open: bool
    """It is not complete, or not valid: no answer may come for a while."""
    forbidden: str
    """Why it may not succeed; empty where it may."""
    foreign_origin: bool


def http_probe(chance: random.Random) -> HttpProbe:
    """A request by chance."""
    path = chance.choice((*READ_ROUTES, *BODIES, *BODIES))
    method = _method(chance, path)
    why = []
    lines = []
    if chance.random() < 0.7:
        lines.append(f"Host: {chance.choice(OWN_HOSTS)}")
    else:
        lines.append(f"Host: {chance.choice(FOREIGN_HOSTS)}")
        why.append("host")
    foreign_origin = chance.random() < 0.2
    if foreign_origin:
        lines.append(f"Origin: {chance.choice(FOREIGN_ORIGINS)}")
        why.append("origin")
    elif chance.random() < 0.3:
        lines.append(f"Origin: {chance.choice(OWN_ORIGINS)}")
    if chance.random() < 0.5:
        name = chance.choice(("Authorization: Bearer ", "x-api-key: ", "authorization: bearer "))
        lines.append(name + TOKEN)
    else:
        lines.append(f"Authorization: {chance.choice(WRONG_TOKENS)}")
        if path != "/healthz" and method != "OPTIONS":  # a browser asks that without it
            why.append("token")
    odd = [chance.choice(ODD_HEADERS) for _ in range(chance.choice((0, 0, 0, 1, 1, 2)))]
    chance.shuffle(lines)
    body, framing, broken = _body(chance, path)
    head = f"{method} {_target(chance, path)} {_version(chance)}\r\n"
    head += "\r\n".join([*lines, *odd, *framing, "Connection: close"]) + "\r\n\r\n"
    data = head.encode("latin-1") + body
    cut = chance.random() < 0.05
    if cut:
        data = data[: chance.randrange(1, len(data))]
    return HttpProbe(data, cut or broken or bool(odd), ", ".join(why), foreign_origin)


def _method(chance: random.Random, path: str) -> str:
    if chance.random() < 0.2:
        return chance.choice(METHODS)
    if path == "/api/delete":
        return "DELETE"
    return "POST" if path in BODIES else "GET"


def _target(chance: random.Random, path: str) -> str:
    return chance.choice(
        [path] * 8
        + [
            "/" + path, path + "/", path + "?a=b&stream=true&" + "c" * 300, path + "#x",
            path.replace("/", "//"), path.replace("v1", "v%31"), path + "/../../etc/passwd",
            path + "/%2e%2e/%00", "http://evil.example" + path, path.upper(), path + "\xff", "*",
            path + "/" + "a" * 5000,
        ]
    )  # fmt: skip


def _version(chance: random.Random) -> str:
    return chance.choice(["HTTP/1.1"] * 12 + ["HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "HTTP/1.1 x", ""])


def _body(chance: random.Random, path: str) -> tuple[bytes, list[str], bool]:
    """Bytes, the headers that tell their length, and whether these tell it wrongly."""
    if chance.random() < 0.002:
        return _large(chance, path)
    content = _content(chance, path)
    kind = chance.random()
    if kind < 0.75:
        return content, [f"Content-Length: {len(content)}"], False
    if kind < 0.9:
        at = chance.randrange(len(content) + 1)
        pieces = [piece for piece in (content[:at], content[at:]) if piece]
        chunks = b"".join(b"%x;a=b\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        return chunks + b"0\r\nX: trailer\r\n\r\n", ["Transfer-Encoding: chunked"], False
    return chance.choice(
        [
            (content, [], True),
            (content, [f"Content-Length: {len(content) + 9}"], True),
            (content, [f"Content-Length: {len(content) // 2}"], True),
            (b"zz\r\n" + content, ["Transfer-Encoding: chunked"], True),
            (b"ffffffffffffffffff\r\n", ["Transfer-Encoding: chunked"], True),
            (content, ["Transfer-Encoding: chunked", f"Content-Length: {len(content)}"], True),
            (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 40, ["Content-Length: 0"], True),
        ]
    )


def _large(chance: random.Random, path: str) -> tuple[bytes, list[str], bool]:
    """A body of nearly all that a body may have, whole or without its end."""
    start = json.dumps(BODIES.get(path, {})).encode()[:-1] + b',"zz":'
    filling = chance.choice(
        [b'"' + b"A" * LARGE + b'"', b"[" + b"{}," * (LARGE // 3) + b"1]", b"1" * LARGE,
         b'"' + "🦀".encode() * (LARGE // 4) + b'"', b'"' + b"\\n" * (LARGE // 2) + b'"',
         b"[" * LARGE]
    )  # fmt: skip
    body = start + filling + b"}"
    length = [f"Content-Length: {len(body)}"]
    return (body, length, False) if chance.random() < 0.5 else (body[:-5000], length, True)


def _content(chance: random.Random, path: str) -> bytes:
    known = dict(BODIES.get(path, {}))
    kind = chance.random()
    if kind < 0.25:
        return json.dumps(known).encode()
    if kind < 0.75:
        for _ in range(chance.choice((1, 1, 2, 3))):
            known[chance.choice((*FIELDS, *known))] = chance.choice(VALUES)
        return json.dumps(known).encode()
    text = json.dumps(known).encode()
    cut = chance.randrange(len(text) + 1)
    return chance.choice(
        [
            b"", b"null", b"[]", b"{", b"\xff\xfe" + text, b"\xef\xbb\xbf" + text, text[:cut],
            text[:cut] + chance.randbytes(3) + text[cut:], chance.randbytes(200), b"[" * 5000,
            b'{"a":' * 5000, text[:-1] + b',"z":NaN}', text[:-1] + b',"n":1e999}', text + text,
            text[:-1] + b',"zz":[' + b"{}," * chance.choice((10, 30_000, 100_000)) + b"1]}",
            text[:-1] + b',"zz":"' + b"\\u0041" * chance.choice((10, 100_000)) + b'"}',
        ]
    )  # fmt: skip
