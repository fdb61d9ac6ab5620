"""The Kokoro engine as the node knows it."""

from __future__ import annotations

from ingle.engines.speech.onnx_memory import OnnxVoiceDeclaration

KOKORO = OnnxVoiceDeclaration(
    name="kokoro",
    loader="ingle.engines.kokoro.engine:KokoroEngine",
    formats=("kokoro",),
    capabilities=("speak",),
    activations=320 << 20,
    devices=False,
    extras="speech",
)
