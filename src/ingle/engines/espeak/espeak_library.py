"""espeak-ng's C library, in this process.

It comes with the package espeakng-loader, or lies in the system. It is GPL-3: only a worker loads
it, and nothing of ours is linked with it. The interface: espeak-ng's ``speak_lib.h``.

There is one synthesiser in a process, with one voice at a time, so all calls hold a lock.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import threading
from typing import Any, NamedTuple

from ingle.engines.declarations import extra_missing
from ingle.engines.espeak.declaration import ESPEAK
from ingle.errors import ModelLoadFailed

_SYNCHRONOUS = 2
_CHARACTERS_UTF8 = 1
_RATE_PARAMETER = 1
_POSITION_CHARACTER = 1
_IPA = 0x02
_OK = 0
WORDS_PER_MINUTE = 175
"""Its own speed, which counts as 1."""
SLOWEST_WORDS, FASTEST_WORDS = 80, 450
"""Words per minute that it speaks at, according to its documentation."""


class EspeakVoice(NamedTuple):
    """One of the library's voices."""

    name: str
    """The voice's language tag, such as ``en-us``."""
    title: str
    """As in ``English (America)``."""
    file: str
    """What it is selected by, such as ``gmw/en-US``: of some, the tag does not do."""


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("internal", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@functools.cache
def espeak() -> EspeakLibrary:
    """The library of this process.

    Raises:
        EngineMissing, ModelLoadFailed: as `EspeakLibrary`.
    """
    return EspeakLibrary()


class EspeakLibrary:
    """The library, initialised. There can be one in a process; `espeak` gives it.

    Raises:
        EngineMissing: it is not installed.
        ModelLoadFailed: it does not find its data.
    """

    def __init__(self) -> None:
        path, data = _found()
        try:
            self._library: Any = ctypes.CDLL(path)
        except OSError as error:
            why = f"espeak-ng cannot be loaded: {error}"
            raise extra_missing(ESPEAK, why, absent=False) from None
        self._lock = threading.Lock()
        self._voice = ""
        self._samples = bytearray()
        # Kept, since the library calls it as long as it lives.
        self._callback = _Callback(self._take)
        self.rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, 0))
        if self.rate <= 0:
            raise ModelLoadFailed("espeak-ng cannot read its data", hint="ingle doctor")
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_Info.restype = ctypes.c_char_p
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._listed = self._voices()

    def version(self) -> str:
        """As in ``1.52.0``."""
        found: bytes = self._library.espeak_Info(None)
        return found.decode()

    def voices(self) -> list[EspeakVoice]:
        """All voices, by name."""
        return sorted(self._listed.values())

    def _voices(self) -> dict[str, EspeakVoice]:
        listed = self._library.espeak_ListVoices(None)
        found: dict[str, EspeakVoice] = {}
        for entry in iter_until_null(listed):
            # A byte of priority, then the tag.
            tag = ctypes.string_at(entry.languages + 1).decode()
            voice = EspeakVoice(tag, entry.name.decode(), entry.identifier.decode())
            found.setdefault(tag, voice)
        return found

    def samples(self, text: str, voice: str, words_per_minute: int) -> bytes:
        """The sound of a text: mono, 16 bits, of this machine's byte order.

        Raises:
            ModelLoadFailed: there is no such voice.
        """
        with self._lock:
            self._choose(voice)
            self._library.espeak_SetParameter(_RATE_PARAMETER, words_per_minute, 0)
            self._samples.clear()
            data = text.encode("utf-8", "replace") + b"\0"
            status = self._library.espeak_Synth(
                data, len(data), 0, _POSITION_CHARACTER, 0, _CHARACTERS_UTF8, None, None
            )
            if status != _OK:
                raise ModelLoadFailed(f"espeak-ng failed with status {status}")
            return bytes(self._samples)

    def phonemes(self, text: str, voice: str) -> list[str]:
        """How a text is pronounced, in the International Phonetic Alphabet; one text a clause."""
        with self._lock:
            self._choose(voice)
            rest = ctypes.c_char_p(text.encode("utf-8", "replace"))
            found = []
            while rest.value:
                clause = self._library.espeak_TextToPhonemes(
                    ctypes.byref(rest), _CHARACTERS_UTF8, _IPA
                )
                found.append((clause or b"").decode())
            return found

    def _choose(self, voice: str) -> None:
        if voice == self._voice:
            return
        listed = self._listed.get(voice)
        name = voice if listed is None else listed.file
        if self._library.espeak_SetVoiceByName(name.encode()) != _OK:
            raise ModelLoadFailed(f"espeak-ng has no voice {voice!r}", hint="ingle voices")
        self._voice = voice

    def _take(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._samples += ctypes.string_at(samples, 2 * count)
        return 0


def iter_until_null(pointers: Any) -> Any:
    """The structures of a C array of pointers that ends with a null one."""
    at = 0
    while pointers[at]:
        yield pointers[at].contents
        at += 1


def _found() -> tuple[str, bytes | None]:
    """Where the library lies, and its data; None: where it looks by itself."""
    try:
        import espeakng_loader
    except ImportError:
        pass
    else:
        return espeakng_loader.get_library_path(), espeakng_loader.get_data_path().encode()
    system = ctypes.util.find_library("espeak-ng")
    if system is None:
        raise extra_missing(ESPEAK, "espeak-ng is not installed", absent=True)
    return system, None
