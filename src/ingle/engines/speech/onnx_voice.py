"""A network that makes sound, run by onnxruntime; a run ends when its request does."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ingle.engines.engine import LoadSpec, cores
from ingle.engines.stop_signal import StopSignal
from ingle.errors import EngineFault, ModelLoadFailed

SEED = 19
"""Of the noise that voices are made from: the first sentence after a load always sounds alike."""


class OnnxVoice:
    """An open network.

    Raises:
        ModelLoadFailed: it refuses the file.
    """

    def __init__(self, spec: LoadSpec) -> None:
        onnxruntime.set_seed(SEED)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = spec.threads or cores()
        options.inter_op_num_threads = 1
        # Of several requests at once none is to hold a core while it waits for the others.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = Path(spec.weights[0])
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its own classes, without a common one
            raise ModelLoadFailed(
                f"onnxruntime refuses {path.name}: {error}", model=spec.model
            ) from None
        self._turn = threading.Lock()
        self.inputs = [entry.name for entry in self._session.get_inputs()]

    def run(self, inputs: Mapping[str, Any], stop: StopSignal) -> Any:
        """Its first output, as an array of one dimension.

        One run at a time: it uses all cores, and its memory is what is planned for.

        Raises:
            Cancelled: the request has ended.
            EngineFault: the network failed.
        """
        options = onnxruntime.RunOptions()

        def terminate() -> None:
            options.terminate = True

        with self._turn, stop.telling(terminate):
            try:
                (first, *_) = self._session.run(None, dict(inputs), options)
            except Exception as error:  # its own classes, without a common one
                stop.check()
                raise EngineFault(f"onnxruntime failed: {error}") from None
        return first.reshape(-1)


def to_samples(sound: Any, *, loudest: float = 1.0) -> bytes:
    """Numbers from -1 to 1 as 16-bit samples, little-endian."""
    scaled = np.clip(np.nan_to_num(sound) / loudest, -1.0, 1.0) * 32767
    return bytes(scaled.astype("<i2").tobytes())
