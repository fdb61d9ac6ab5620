"""Token ids that are outside of a model's vocabulary, before a real node."""

from __future__ import annotations

import httpx
import pytest

pytestmark = pytest.mark.clients


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"model": "ember-embed", "input": [[5, 10**6]]}),
        ("/v1/detokenize", {"model": "ember", "tokens": [5, 10**6]}),
        ("/v1/completions", {"model": "ember", "prompt": [5, 10**6], "max_tokens": 1}),
    ],
)
def test_an_unknown_token_is_the_callers_fault(
    real: str, path: str, body: dict[str, object]
) -> None:
    response = httpx.post(f"{real}{path}", json=body, timeout=60)
    assert response.status_code == 400, response.text
    assert "outside the vocabulary" in response.json()["error"]["message"]
