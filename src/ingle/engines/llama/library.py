"""llama.cpp's C interface, as exported by the shared object inside xllamacpp.

Only what scoring needs. Two structs are passed by value whose layout changes
between versions (`llama_context_params`, `llama_model_params`); both are kept
opaque and larger than they are, and the few fields that we set are found again
by their known default values before anything is touched.

Source: ``include/llama.h`` of llama.cpp.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingle.errors import EngineFault, EngineMissing, ModelLoadFailed

_DEFAULTS = (512, 2048, 512, 1, 0, 0, 1, 4, 4)
"""n_ctx, n_batch, n_ubatch, n_seq_max, n_rs_seq, n_outputs_max, n_outputs_max_per_seq,
n_threads, n_threads_batch: the first fields of `llama_context_params`."""

Logits = npt.NDArray[np.float32]


class _Opaque(ctypes.Structure):
    _fields_ = (("data", ctypes.c_uint8 * 1024),)


class _Batch(ctypes.Structure):
    _fields_ = (
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.c_void_p),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.c_void_p),
        ("n_seq_id", ctypes.c_void_p),
        ("seq_id", ctypes.c_void_p),
        ("logits", ctypes.c_void_p),
    )


_LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_quiet = _LOG(lambda *_: None)


def shared_object() -> Path:
    """Where llama.cpp is.

    Raises:
        EngineMissing: nowhere.
    """
    import xllamacpp

    found = list(Path(xllamacpp.__file__).parent.glob("xllamacpp*.so"))
    if not found:
        raise EngineMissing("xllamacpp has no shared object here", hint="pip install xllamacpp")
    return found[0]


@functools.cache
def _library() -> ctypes.CDLL:
    lib = ctypes.CDLL(str(shared_object()))
    pointer, integer, text = ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p
    signatures = {
        "llama_context_default_params": (_Opaque, []),
        "llama_model_default_params": (_Opaque, []),
        "llama_model_load_from_file": (pointer, [text, _Opaque]),
        "llama_model_free": (None, [pointer]),
        "llama_model_get_vocab": (pointer, [pointer]),
        "llama_vocab_n_tokens": (integer, [pointer]),
        "llama_init_from_model": (pointer, [pointer, _Opaque]),
        "llama_free": (None, [pointer]),
        "llama_get_memory": (pointer, [pointer]),
        "llama_memory_clear": (None, [pointer, ctypes.c_bool]),
        "llama_decode": (integer, [pointer, _Batch]),
        "llama_get_logits": (ctypes.POINTER(ctypes.c_float), [pointer]),
        "llama_tokenize": (
            integer,
            [pointer, text, integer, pointer, integer, ctypes.c_bool, ctypes.c_bool],
        ),
        "llama_token_to_piece": (
            integer,
            [pointer, integer, pointer, integer, integer, ctypes.c_bool],
        ),
        "llama_adapter_lora_init": (pointer, [pointer, text]),
        "llama_set_adapters_lora": (integer, [pointer, pointer, ctypes.c_size_t, pointer]),
        "llama_log_set": (None, [_LOG, pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    lib.llama_log_set(_quiet, None)
    return lib


class LlamaContext:
    """A model and one context: tokens in, logits of every position out. Not thread-safe.

    Args:
        path: GGUF file (the first shard).
        context: tokens it can take.
        batch: tokens per step; all their logits are held at once.

    Raises:
        ModelLoadFailed: llama.cpp refuses the file.
        EngineMissing: this build of llama.cpp has another layout than we know.
    """

    def __init__(self, path: str, *, context: int, batch: int, threads: int) -> None:
        self._lib = lib = _library()
        params = lib.llama_context_default_params()
        fields = (ctypes.c_int32 * len(_DEFAULTS)).from_buffer(params)
        if tuple(fields) != _DEFAULTS:
            raise EngineMissing(
                "this is not the pinned build of llama.cpp, which "
                "echo with log-probabilities needs",
                hint="pip install --force-reinstall ingle",
            )
        self._model = lib.llama_model_load_from_file(
            path.encode(), lib.llama_model_default_params()
        )
        if not self._model:
            raise ModelLoadFailed(f"llama.cpp could not load {path}")
        self._vocabulary = lib.llama_model_get_vocab(self._model)
        self.size = int(lib.llama_vocab_n_tokens(self._vocabulary))
        self.batch = batch
        fields[0], fields[1], fields[2] = context, batch, batch
        fields[5] = fields[6] = batch
        fields[7] = fields[8] = threads
        self._context = lib.llama_init_from_model(self._model, params)
        if not self._context:
            raise ModelLoadFailed(f"llama.cpp could not create a context of {context} for {path}")
        self._adapters: list[int] = []

    def load_adapter(self, path: str) -> None:
        """Load a LoRA adapter; `use_adapters` sets its scale."""
        adapter = self._lib.llama_adapter_lora_init(self._model, path.encode())
        if not adapter:
            raise ModelLoadFailed(f"llama.cpp could not load the adapter {path}")
        self._adapters.append(adapter)

    def use_adapters(self, scales: list[float]) -> None:
        """Set the scale of every loaded adapter."""
        count = len(self._adapters)
        adapters = (ctypes.c_void_p * count)(*self._adapters)
        values = (ctypes.c_float * count)(*scales)
        if self._lib.llama_set_adapters_lora(self._context, adapters, count, values) != 0:
            raise EngineFault("llama.cpp refused the adapters' scales")

    def tokenize(self, text: str) -> list[int]:
        """Token ids, with special tokens read as such and none added."""
        data = text.encode()
        room = len(data) + 8
        tokens = (ctypes.c_int32 * room)()
        count = self._lib.llama_tokenize(
            self._vocabulary, data, len(data), tokens, room, False, True
        )
        return list(tokens[: max(0, count)])

    def piece(self, token: int) -> bytes:
        """The bytes of a token."""
        data = ctypes.create_string_buffer(512)
        count = self._lib.llama_token_to_piece(self._vocabulary, token, data, 512, 0, True)
        return data.raw[: max(0, count)]

    def start(self) -> None:
        """Forget all tokens."""
        self._lib.llama_memory_clear(self._lib.llama_get_memory(self._context), True)

    def logits(self, tokens: list[int]) -> Logits:
        """Logits after each of at most ``batch`` further tokens: shape (tokens, vocabulary).

        The array is valid until the next call.
        """
        count = len(tokens)
        ids = (ctypes.c_int32 * count)(*tokens)
        wanted = (ctypes.c_int8 * count)(*([1] * count))
        batch = _Batch(n_tokens=count, token=ctypes.addressof(ids), logits=ctypes.addressof(wanted))
        status = self._lib.llama_decode(self._context, batch)
        if status != 0:
            raise EngineFault(f"llama.cpp could not evaluate the prompt (status {status})")
        pointer = self._lib.llama_get_logits(self._context)
        return np.ctypeslib.as_array(pointer, (count, self.size))

    def close(self) -> None:
        """Free everything."""
        self._lib.llama_free(self._context)
        self._lib.llama_model_free(self._model)
