"""The matrices that can get an adapter, by both of their names: that in a GGUF file, and that in
transformers and PEFT. A model has either ``attn_qkv`` or the three that it joins."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from ingle.errors import InvalidRequest

MODULES = {
    "attn_q": "q_proj",
    "attn_k": "k_proj",
    "attn_v": "v_proj",
    "attn_qkv": "qkv_proj",
    "attn_output": "o_proj",
    "ffn_gate": "gate_proj",
    "ffn_up": "up_proj",
    "ffn_down": "down_proj",
    "ffn_gate_exps": "experts.gate_proj",
    "ffn_up_exps": "experts.up_proj",
    "ffn_down_exps": "experts.down_proj",
}
ALL = "all-linear"
"""PEFT's word for all of them."""
_MATRICES = {module: matrix for matrix, module in MODULES.items()} | {"gate_up_proj": "ffn_up"}
"""Where the gate and what it lets through are one matrix, GGUF calls it ``ffn_up``."""


def matrices(names: Sequence[str]) -> tuple[str, ...]:
    """Names as GGUF has them, each once, in a model's order; empty: all.

    Raises:
        InvalidRequest: there is no such module; names those that there are.
    """
    for name in names:
        if name not in (ALL, *MODULES, *_MATRICES):
            raise _unknown(name)
    if ALL in names:
        return ()
    chosen = {_MATRICES.get(name, name) for name in names}
    return tuple(matrix for matrix in MODULES if matrix in chosen)


def _unknown(name: str) -> InvalidRequest:
    valid = [*_MATRICES, *MODULES, ALL]
    near = difflib.get_close_matches(name.lower(), valid, n=1)
    return InvalidRequest(
        f"target_modules: there is no module {name!r}; valid are {', '.join(_MATRICES)}, "
        f"the same in GGUF's words ({', '.join(MODULES)}), and {ALL}",
        hint=f"did you mean {near[0]}?" if near else f"--target-modules {ALL}",
        field="target_modules",
    )
