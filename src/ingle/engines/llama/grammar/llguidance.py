"""Whether a grammar compiles, asked of the very LLGuidance that the engine holds answers with.

The engine writes a line into its log if a grammar does not compile, and generates without one.

Source: ``llguidance.h``, the C interface of guidance-ai/llguidance, which xllamacpp exports. Two
structs of it grow with versions: both are kept opaque or padded with zeros, which mean defaults.
"""

from __future__ import annotations

import ctypes

from ingle.engines.llama.library import shared_object

_MESSAGE_BYTES = 1 << 14


class _TokenizerInit(ctypes.Structure):
    _fields_ = (
        ("vocab_size", ctypes.c_uint32),
        ("tok_eos", ctypes.c_uint32),
        ("token_lens", ctypes.c_void_p),
        ("token_bytes", ctypes.c_void_p),
        ("tokenizer_json", ctypes.c_char_p),
        ("tokenize_assumes_string", ctypes.c_bool),
        ("tokenize_fn", ctypes.c_void_p),
        ("use_approximate_greedy_tokenize_fn", ctypes.c_bool),
        ("later", ctypes.c_uint8 * 256),
    )


class LLGuidance:
    """LLGuidance with a vocabulary of single bytes: a grammar does not depend on the model's."""

    def __init__(self) -> None:
        library = ctypes.CDLL(str(shared_object()))
        new, defaults = library.llg_new_tokenizer, library.llg_constraint_init_set_defaults
        new.restype = ctypes.c_void_p
        new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
        defaults.restype, defaults.argtypes = None, [ctypes.c_void_p, ctypes.c_void_p]
        self._validate = library.llg_validate_grammar
        self._validate.restype = ctypes.c_int32
        text = ctypes.c_char_p
        self._validate.argtypes = [ctypes.c_void_p, text, text, text, ctypes.c_size_t]
        end = b"\xff<end>"  # 0xff marks a special token
        lengths = (ctypes.c_uint32 * 257)(*[1] * 256, len(end))
        data = bytes(range(256)) + end
        tokens = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        wanted = _TokenizerInit(
            vocab_size=257,
            tok_eos=256,
            token_lens=ctypes.addressof(lengths),
            token_bytes=ctypes.addressof(tokens),
            use_approximate_greedy_tokenize_fn=True,
        )
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        tokenizer = new(ctypes.byref(wanted), message, _MESSAGE_BYTES)
        if not tokenizer:
            raise RuntimeError(f"LLGuidance refused its tokenizer: {message.value.decode()}")
        self._init = (ctypes.c_uint64 * 128)()
        defaults(self._init, tokenizer)

    def error(self, grammar: bytes) -> bytes:
        """Why a grammar in its dialect of Lark does not compile; empty if it does."""
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        found = self._validate(self._init, b"lark", grammar, message, _MESSAGE_BYTES)
        return message.value if found < 0 else b""
