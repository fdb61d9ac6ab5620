"""The Piper engine as the node knows it."""

from __future__ import annotations

from ingle.engines.speech.onnx_memory import OnnxVoiceDeclaration

PIPER = OnnxVoiceDeclaration(
    name="piper",
    loader="ingle.engines.piper.engine:PiperEngine",
    formats=("piper",),
    capabilities=("speak",),
    activations=250 << 20,
    devices=False,
    extras="speech,piper",
)
