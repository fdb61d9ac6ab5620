"""Cuts OpenAI's specification down to the operations that are served here, for schemathesis.

``python sdks/openapi_operations.py openapi.yaml > served.json``. What is tested is requests of all
kinds, not load: models are the embedded ones, choices and lists are few.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

SERVED = {
    "/chat/completions": ["post"],
    "/completions": ["post"],
    "/embeddings": ["post"],
    "/models": ["get"],
    "/models/{model}": ["get", "delete"],
    "/responses": ["post"],
    "/responses/{response_id}": ["get", "delete"],
    "/responses/{response_id}/input_items": ["get"],
    "/responses/input_tokens": ["post"],
}
FEW = {"type": "integer", "minimum": 1, "maximum": 2}
LISTED = ("CreateEmbeddingRequest", "CreateCompletionRequest")


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from nodes(inner)


def served(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification, with what is served and all that this refers to."""
    paths = {
        path: {key: item for key, item in spec["paths"][path].items() if key in methods}
        for path, methods in SERVED.items()
    }
    components: dict[str, dict[str, Any]] = {}
    waiting: list[Any] = [paths]
    while waiting:
        for node in nodes(waiting.pop()):
            if isinstance(reference := node.get("$ref"), str):
                kind, name = reference.split("/")[2:]
                found = spec["components"][kind][name]
                if name not in components.setdefault(kind, {}):
                    components[kind][name] = found
                    waiting.append(found)
    for name, schema in components["schemas"].items():
        bound(schema, "ember-embed" if name == "CreateEmbeddingRequest" else "ember")
        if name in LISTED:
            for node in nodes(schema):
                if node.get("type") == "array":
                    node["maxItems"] = 32
    kept = {key: spec[key] for key in ("openapi", "info")}
    return {**kept, "servers": [{"url": "/v1"}], "paths": paths, "components": components}


def bound(schema: dict[str, Any], model: str) -> None:
    """Ask the embedded model, for one answer or two."""
    for node in nodes(schema):
        properties = node.get("properties")
        if isinstance(properties, dict):
            fixed = {"model": {"type": "string", "enum": [model]}, "n": FEW, "best_of": FEW}
            properties |= {key: value for key, value in fixed.items() if key in properties}


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    json.dump(served(yaml.safe_load(text)), sys.stdout, default=str)
