"""Sound in a chat, as llama.cpp is given it: decoded by us, within bounds, as plain samples.

llama.cpp decodes with a library that reads three formats and knows no bounds, so it is given what
needs no decoding: a WAV file of 16-bit samples. It never sees the caller's bytes.
"""

from __future__ import annotations

import base64
import contextlib
import io

from ingle.errors import EngineMissing, InvalidRequest

MOST_S = 600
"""Seconds of one recording. Encoders make 6 to 25 tokens of one, and contexts end before."""
MISSING_S = 1.0
"""By how much a recording may be shorter than its file says: encoders pad."""


def input_audio(data: bytes, name: str) -> str:
    """A recording's file as base64 of a WAV file.

    Args:
        name: for messages.

    Raises:
        InvalidRequest: it is not a recording, damaged, or too long.
        EngineMissing: PyAV is not installed.
    """
    try:
        import numpy as np

        from ingle.sound.decode import Recording
        from ingle.sound.encode import wav_header
        from ingle.sound.samples import RATE
    except ImportError as error:
        raise EngineMissing(
            f"sound in chats needs PyAV, which cannot be imported: {error}",
            hint="pip install 'ingle[speech]'",
            absent=isinstance(error, ModuleNotFoundError),
        ) from None
    samples = bytearray()
    with contextlib.closing(Recording(io.BytesIO(data), name)) as recording:
        for block in recording.blocks():
            samples += (block * 32767).astype(np.dtype("<i2")).tobytes()
            if len(samples) > 2 * RATE * MOST_S:
                raise InvalidRequest(
                    f"sound: {name}: it is longer than {MOST_S} seconds",
                    hint="cut it, or turn it into text: ingle transcribe FILE",
                    field="sound",
                )
        if recording.damaged or recording.missing_s > MISSING_S:
            raise InvalidRequest(
                f"sound: {name}: it is damaged or was cut off",
                hint="record or convert the file again",
                field="sound",
            )
    whole = wav_header(RATE, len(samples)) + samples
    return base64.b64encode(whole).decode()
