"""Kokoro: a voice of 82 million parameters in nine languages, run by onnxruntime."""
