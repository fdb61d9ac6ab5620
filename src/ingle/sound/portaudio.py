"""PortAudio, by the package sounddevice: what the microphone and the loudspeaker are reached by."""

from __future__ import annotations

from typing import Any

from ingle.errors import EngineMissing


def port_audio(what: str) -> Any:
    """The package.

    Args:
        what: wants it, for the message.

    Raises:
        EngineMissing: it, or PortAudio, is not installed.
    """
    try:
        import sounddevice
    except ImportError:
        raise EngineMissing(
            f"{what} needs the package sounddevice", hint="pip install 'ingle[talk]'"
        ) from None
    except OSError as error:  # it looks for PortAudio when it is imported
        raise EngineMissing(
            f"{what} needs the system's PortAudio: {error}", hint="apt install libportaudio2"
        ) from None
    return sounddevice
