"""Well-known chat templates by name, for bases that have none of their own.

Each is the plain core of what the name stands for: turns with a role and a text. Tools and thoughts
are none of it.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.models import chat_template


class KnownTemplate(NamedTuple):
    """A template, and the token of a vocabulary that ends its turns."""

    template: str
    end: str
    replaceable: bool = False
    """Another token may end turns."""


KNOWN = {
    "chatml": KnownTemplate(
        "{% for message in messages %}"
        "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
        "<|im_end|>",
        replaceable=True,
    ),
    "gemma": KnownTemplate(
        "{% set ns = namespace(system='') %}"
        "{% for message in messages %}"
        "{% if message['role'] == 'system' %}"
        "{% set ns.system = message['content'] + '\\n\\n' %}"
        "{% else %}"
        "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
        "{{ '<start_of_turn>' + role + '\\n' + ns.system + message['content'] + '<end_of_turn>\\n' "
        "}}"
        "{% set ns.system = '' %}"
        "{% endif %}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}",
        "<end_of_turn>",
    ),
    "llama3": KnownTemplate(
        "{% for message in messages %}"
        "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' "
        "+ message['content'] + '<|eot_id|>' }}"
        "{% endfor %}"
        "{% if add_generation_prompt %}"
        "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}"
        "{% endif %}",
        "<|eot_id|>",
    ),
}
"""Sources: OpenAI's ChatML, the model cards of Gemma 3 and of Llama 3."""


def check(given: str) -> None:
    """Raises InvalidRequest: it is neither a template nor the name of one."""
    if not given or given in KNOWN:
        return
    if "{%" not in given and "{{" not in given:
        raise InvalidRequest(
            f"template: no file and no template is called {given[:200]!r}; well known are "
            f"{', '.join(KNOWN)}",
            hint="--template FILE, with a Jinja template",
            field="template",
        )
    chat_template.chosen(given, "")


def written_for(name: str, tokens: Container[str], end: str) -> str:
    """A template by its name, as a vocabulary allows it.

    Args:
        end: text of the token that ends a text in that vocabulary.

    Raises:
        CapabilityMissing: the vocabulary lacks the token that ends its turns.
    """
    known = KNOWN[name]
    if known.end in tokens:
        return known.template
    if known.replaceable and end:
        return known.template.replace(known.end, end)
    raise CapabilityMissing(
        f"template: {name} ends turns with {known.end}, which is not a token of this model",
        hint="--template chatml",
        capability="train",
    )
