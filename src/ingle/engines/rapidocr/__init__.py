"""RapidOCR: PaddleOCR's networks on onnxruntime, with those of its package always there."""
