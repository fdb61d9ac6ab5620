"""True speech for tests, by espeak-ng, and files of it in any container."""

from __future__ import annotations

import functools
from pathlib import Path

import av
import numpy as np

from ingle.engines.espeak.espeak_library import espeak
from ingle.sound.samples import RATE, Samples

WORDS_PER_MINUTE = 150


@functools.cache
def spoken(text: str, voice: str = "en-us") -> Samples:
    """A text, at `RATE` samples per second, without the silence around it."""
    library = espeak()
    found = np.frombuffer(library.samples(text, voice, WORDS_PER_MINUTE), np.int16)
    frame = av.AudioFrame.from_ndarray(found.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = library.rate
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    samples = np.concatenate([part.to_ndarray().reshape(-1) for part in parts])
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    trimmed: Samples = samples[loud[0] : loud[-1] + 1].astype(np.float32)
    return trimmed


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def noise(seconds: float, loudness: float = 0.05, seed: int = 1) -> Samples:
    made = np.random.default_rng(seed).normal(0, loudness, round(seconds * RATE))
    return made.astype(np.float32)


def write(
    path: Path,
    samples: Samples,
    *,
    codec: str,
    rate: int = RATE,
    layout: str = "mono",
    picture: bool = False,
) -> Path:
    """A file of the container that its name says.

    Args:
        picture: with a video track beside it.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        video = container.add_stream("mpeg4", rate=5) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            for _ in range(5):
                image = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
                container.mux(video.encode(image))
            container.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(
            format=stream.codec_context.format,
            layout=layout,
            rate=rate,
            frame_size=stream.codec_context.frame_size or 1024,
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path
