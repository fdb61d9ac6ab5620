"""A model as a Modelfile (docs/modelfile.md of ollama/ollama)."""

from __future__ import annotations

from ingle.capabilities.store.operation import ModelDetails


def modelfile(model: ModelDetails) -> str:
    """``FROM`` each of its files, and its licence: enough for ``ollama create NAME -f FILE``.

    Its template is not among it. Ollama reads that from the weights, as we do; a ``TEMPLATE`` line
    is in a language of its own.
    """
    lines = [f"FROM {path}" for path in model.files or [model.name]]
    if model.licence:
        lines.append(f'LICENSE """{model.licence}"""')
    return "\n".join(lines) + "\n"
