"""The engine onnx-asr: NeMo's recognisers on onnxruntime."""
