"""whisper.cpp's C interface, from the library that pywhispercpp brings.

The package's own Python side has one state for each context, so it hears one window at a time,
tells no probability of silence, and ends the process where a context could not be made. The C
interface has states (weights are shared), tells it, and returns null. What is declared here is that
of whisper.cpp 1.8; `checked` compares it with what the library says of itself.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import importlib.metadata
import re
import sys
from collections import deque
from ctypes import POINTER, Structure, c_bool, c_char_p, c_float, c_int, c_size_t, c_void_p
from pathlib import Path
from typing import Any

from ingle.engines.declarations import extra_missing
from ingle.engines.whisper.declaration import WHISPER
from ingle.errors import EngineFault, ModelLoadFailed

PACKAGE = "pywhispercpp"
VERSION = "1.8"
_LIBRARY = re.compile(r"libwhisper[^/]*\.(so(\.[\d.]+)?|dylib)$|whisper[^/]*\.dll$")


class VadParameters(Structure):
    """``whisper_vad_params``, which we leave alone: we look for speech ourselves."""

    _fields_ = [
        ("threshold", c_float),
        ("min_speech_duration_ms", c_int),
        ("min_silence_duration_ms", c_int),
        ("max_speech_duration_s", c_float),
        ("speech_pad_ms", c_int),
        ("samples_overlap", c_float),
    ]


class FullParameters(Structure):
    """``whisper_full_params``."""

    _fields_ = [
        ("strategy", c_int),
        ("n_threads", c_int),
        ("n_max_text_ctx", c_int),
        ("offset_ms", c_int),
        ("duration_ms", c_int),
        ("translate", c_bool),
        ("no_context", c_bool),
        ("no_timestamps", c_bool),
        ("single_segment", c_bool),
        ("print_special", c_bool),
        ("print_progress", c_bool),
        ("print_realtime", c_bool),
        ("print_timestamps", c_bool),
        ("token_timestamps", c_bool),
        ("thold_pt", c_float),
        ("thold_ptsum", c_float),
        ("max_len", c_int),
        ("split_on_word", c_bool),
        ("max_tokens", c_int),
        ("debug_mode", c_bool),
        ("audio_ctx", c_int),
        ("tdrz_enable", c_bool),
        ("suppress_regex", c_char_p),
        ("initial_prompt", c_char_p),
        ("carry_initial_prompt", c_bool),
        ("prompt_tokens", c_void_p),
        ("prompt_n_tokens", c_int),
        ("language", c_char_p),
        ("detect_language", c_bool),
        ("suppress_blank", c_bool),
        ("suppress_nst", c_bool),
        ("temperature", c_float),
        ("max_initial_ts", c_float),
        ("length_penalty", c_float),
        ("temperature_inc", c_float),
        ("entropy_thold", c_float),
        ("logprob_thold", c_float),
        ("no_speech_thold", c_float),
        ("best_of", c_int),
        ("beam_size", c_int),
        ("patience", c_float),
        ("new_segment_callback", c_void_p),
        ("new_segment_callback_user_data", c_void_p),
        ("progress_callback", c_void_p),
        ("progress_callback_user_data", c_void_p),
        ("encoder_begin_callback", c_void_p),
        ("encoder_begin_callback_user_data", c_void_p),
        ("abort_callback", c_void_p),
        ("abort_callback_user_data", c_void_p),
        ("logits_filter_callback", c_void_p),
        ("logits_filter_callback_user_data", c_void_p),
        ("grammar_rules", c_void_p),
        ("n_grammar_rules", c_size_t),
        ("i_start_rule", c_size_t),
        ("grammar_penalty", c_float),
        ("vad", c_bool),
        ("vad_model_path", c_char_p),
        ("vad_params", VadParameters),
    ]


class ContextParameters(Structure):
    """``whisper_context_params``."""

    _fields_ = [
        ("use_gpu", c_bool),
        ("flash_attn", c_bool),
        ("gpu_device", c_int),
        ("dtw_token_timestamps", c_bool),
        ("dtw_aheads_preset", c_int),
        ("dtw_n_top", c_int),
        ("dtw_aheads_n", c_size_t),
        ("dtw_aheads", c_void_p),
        ("dtw_mem_size", c_size_t),
    ]


class TokenData(Structure):
    """``whisper_token_data``. Times are hundredths of a second."""

    _fields_ = [
        ("id", c_int),
        ("tid", c_int),
        ("p", c_float),
        ("plog", c_float),
        ("pt", c_float),
        ("ptsum", c_float),
        ("t0", ctypes.c_int64),
        ("t1", ctypes.c_int64),
        ("t_dtw", ctypes.c_int64),
        ("vlen", c_float),
    ]


DEFAULTS = {
    "n_max_text_ctx": 16384, "no_context": True, "print_timestamps": True, "thold_pt": 0.01,
    "thold_ptsum": 0.01, "language": b"en", "suppress_blank": True, "max_initial_ts": 1.0,
    "length_penalty": -1.0, "temperature_inc": 0.2, "entropy_thold": 2.4, "logprob_thold": -1.0,
    "no_speech_thold": 0.6, "best_of": 5, "patience": -1.0, "grammar_penalty": 100.0,
}  # fmt: skip
"""Of greedy sampling, as whisper.cpp 1.8 has them: values at both ends of the structure."""

_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "whisper_version": (c_char_p, []),
    "whisper_print_system_info": (c_char_p, []),
    "whisper_log_set": (None, [c_void_p, c_void_p]),
    "whisper_context_default_params": (ContextParameters, []),
    "whisper_init_from_file_with_params_no_state": (c_void_p, [c_char_p, ContextParameters]),
    "whisper_init_state": (c_void_p, [c_void_p]),
    "whisper_free_state": (None, [c_void_p]),
    "whisper_free": (None, [c_void_p]),
    "whisper_is_multilingual": (c_int, [c_void_p]),
    "whisper_n_text_ctx": (c_int, [c_void_p]),
    "whisper_n_audio_ctx": (c_int, [c_void_p]),
    "whisper_model_type_readable": (c_char_p, [c_void_p]),
    "whisper_token_eot": (c_int, [c_void_p]),
    "whisper_lang_id": (c_int, [c_char_p]),
    "whisper_lang_max_id": (c_int, []),
    "whisper_lang_str": (c_char_p, [c_int]),
    "whisper_tokenize": (c_int, [c_void_p, c_char_p, POINTER(c_int), c_int]),
    "whisper_token_to_str": (c_char_p, [c_void_p, c_int]),
    "whisper_full_default_params": (FullParameters, [c_int]),
    "whisper_full_with_state": (
        c_int,
        [c_void_p, c_void_p, FullParameters, c_void_p, c_int],
    ),
    "whisper_pcm_to_mel_with_state": (c_int, [c_void_p, c_void_p, c_void_p, c_int, c_int]),
    "whisper_lang_auto_detect_with_state": (
        c_int,
        [c_void_p, c_void_p, c_int, c_int, POINTER(c_float)],
    ),
    "whisper_full_n_segments_from_state": (c_int, [c_void_p]),
    "whisper_full_lang_id_from_state": (c_int, [c_void_p]),
    "whisper_full_get_segment_t0_from_state": (ctypes.c_int64, [c_void_p, c_int]),
    "whisper_full_get_segment_t1_from_state": (ctypes.c_int64, [c_void_p, c_int]),
    "whisper_full_get_segment_text_from_state": (c_char_p, [c_void_p, c_int]),
    "whisper_full_get_segment_no_speech_prob_from_state": (c_float, [c_void_p, c_int]),
    "whisper_full_n_tokens_from_state": (c_int, [c_void_p, c_int]),
    "whisper_full_get_token_data_from_state": (TokenData, [c_void_p, c_int, c_int]),
    "whisper_full_get_token_text_from_state": (c_char_p, [c_void_p, c_void_p, c_int, c_int]),
}

_ERROR, _WARNING = 4, 3
"""ggml's levels of what it logs."""
told: deque[str] = deque(maxlen=8)
"""The last lines of its log that say what is wrong."""


def _heed(level: int, text: bytes | None, _: Any) -> None:
    if level in (_ERROR, _WARNING) and text:
        line = text.decode(errors="replace").strip()
        told.append(line)
        sys.stderr.write(f"whisper.cpp: {line}\n")


_CALLBACK = ctypes.CFUNCTYPE(None, c_int, c_char_p, c_void_p)(_heed)
"""Kept here, since the library calls it as long as the process lives."""


@functools.cache
def library() -> ctypes.CDLL:
    """whisper.cpp, its functions declared.

    Raises:
        EngineMissing: the package is not installed.
        EngineFault: it is another version than what is declared here.
    """
    found = ctypes.CDLL(str(_path()))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    checked(found.whisper_version().decode(), found.whisper_full_default_params(0))
    found.whisper_log_set(_CALLBACK, None)
    atexit.register(found.whisper_log_set, None, None)  # it may log after Python has ended
    return found


def open_context(path: str, model: str) -> int:
    """Load a model's weights; returns the context.

    Raises:
        ModelLoadFailed: with the library's own reason.
    """
    whisper = library()
    parameters = whisper.whisper_context_default_params()
    parameters.use_gpu = False
    told.clear()
    opened = whisper.whisper_init_from_file_with_params_no_state(path.encode(), parameters)
    if not opened:
        reason = "; ".join(told) or "it gives no reason"
        raise ModelLoadFailed(
            f"whisper.cpp cannot load {model}: {reason}",
            hint=f"ingle verify {model}",
            model=model,
        )
    return int(opened)


def checked(version: str, defaults: FullParameters) -> None:
    """Compare what is declared here with what a library says.

    Raises:
        EngineFault: its parameters lie elsewhere; nothing can be called safely.
    """
    wrong = [name for name, value in DEFAULTS.items() if not _same(getattr(defaults, name), value)]
    if wrong or not version.startswith(f"{VERSION}."):
        raise EngineFault(
            f"whisper.cpp {version} is not the version that ingle calls ({VERSION})"
            + (f"; these parameters differ: {', '.join(wrong)}" if wrong else ""),
            hint="pip install 'ingle[speech]'",
        )


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, float):
        return abs(float(found) - wanted) < 1e-6
    return bool(found == wanted)


def _path() -> Path:
    """The library's file. What the package's own extension module has loaded is not loaded again:
    it is the same file."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        why = f"the engine whisper needs the package {PACKAGE}, which is not installed"
        raise extra_missing(WHISPER, why, absent=True) from None
    found = sorted(str(file.locate()) for file in files if _LIBRARY.search(str(file)))
    # A repaired wheel has the library in a folder of its own, beside those that it was linked to.
    bundled = [path for path in found if ".libs/" in path or ".dylibs/" in path]
    if not found:
        why = f"{PACKAGE} has no whisper.cpp library for this platform"
        raise extra_missing(WHISPER, why, absent=False)
    return Path((bundled or found)[0])
