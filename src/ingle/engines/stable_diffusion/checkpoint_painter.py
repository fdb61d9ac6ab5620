"""`CheckpointPainter`: a checkpoint that stable-diffusion.cpp has open.

Its C interface is called, not its Python one, whose failed loads end the process once more when
they are cleaned up (source: ``include/stable-diffusion.h``).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import stable_diffusion_cpp.stable_diffusion_cpp as sd
from PIL import Image

from ingle.capabilities.imagine.operation import Imagine
from ingle.engines.drawing.painter import CanvasSizes, LoraWeights, Stroke, Watch
from ingle.engines.engine import LoadSpec
from ingle.errors import EngineFault, InvalidRequest, ModelLoadFailed
from ingle.models.drawing_network import DEFAULT_SIDE
from ingle.models.facts import Facts

SAMPLERS = {
    "default": -1,
    "euler": sd.SampleMethod.EULER_SAMPLE_METHOD,
    "euler_a": sd.SampleMethod.EULER_A_SAMPLE_METHOD,
    "heun": sd.SampleMethod.HEUN_SAMPLE_METHOD,
    "dpm2": sd.SampleMethod.DPM2_SAMPLE_METHOD,
    "dpm++2s_a": sd.SampleMethod.DPMPP2S_A_SAMPLE_METHOD,
    "dpm++2m": sd.SampleMethod.DPMPP2M_SAMPLE_METHOD,
    "dpm++2mv2": sd.SampleMethod.DPMPP2Mv2_SAMPLE_METHOD,
    "ipndm": sd.SampleMethod.IPNDM_SAMPLE_METHOD,
    "lcm": sd.SampleMethod.LCM_SAMPLE_METHOD,
    "ddim": sd.SampleMethod.DDIM_TRAILING_SAMPLE_METHOD,
    "tcd": sd.SampleMethod.TCD_SAMPLE_METHOD,
}
"""By the names that people use; the first one is what the library takes for the model."""
USUAL_STEPS = 20
_GUIDANCE = {"flux": 1.0, "z-image": 1.0, "sd3": 4.5}
"""Of models that were trained otherwise than `_USUAL_GUIDANCE` suits."""
_USUAL_GUIDANCE = 7.0
_MULTIPLES = {"sd3": 16, "flux": 16, "z-image": 16}
_USUAL_MULTIPLE = 64
_WARNING = 2
"""From this level on, what the library logs is a warning or an error."""
_KEPT_LINES = 20
_free = ctypes.CDLL(None).free
_free.argtypes, _free.restype = [ctypes.c_void_p], None


class CheckpointPainter:
    """See `ingle.engines.drawing.painter.Painter`.

    Raises:
        ModelLoadFailed: the library does not take the file.
    """

    def __init__(self, spec: LoadSpec, facts: Facts, threads: int) -> None:
        side = facts.metadata.get("image size")
        kind = facts.architecture
        self.canvas = CanvasSizes(
            side if isinstance(side, int) else DEFAULT_SIDE,
            _MULTIPLES.get(kind, _USUAL_MULTIPLE),
        )
        self._name, self._kind = spec.model, kind
        self._loras: Sequence[LoraWeights] = ()
        self._watch: Watch | None = None
        self._failure: Exception | None = None
        self._steps = 0
        self._said: list[str] = []
        # The library keeps these: they must outlive it.
        self._logged = sd.sd_log_callback(self._log)
        self._progressed = sd.sd_progress_callback(self._progress)
        sd.sd_set_log_callback(self._logged, None)
        sd.sd_set_progress_callback(self._progressed, None)
        params = sd.sd_ctx_params_t()
        sd._lib.sd_ctx_params_init(ctypes.byref(params))
        params.model_path = spec.weights[0].encode()
        params.n_threads = threads
        params.vae_decode_only = False
        params.free_params_immediately = False
        self._context = sd.new_sd_ctx(ctypes.byref(params))
        if not self._context:
            raise ModelLoadFailed(
                f"stable-diffusion.cpp cannot open {spec.model}: {self._why()}",
                hint="pull the model again, or another one",
                model=spec.model,
            )

    @property
    def samplers(self) -> Sequence[str]:
        return list(SAMPLERS)

    def usual(self, operation: Imagine) -> tuple[int, float]:
        return USUAL_STEPS, _GUIDANCE.get(self._kind, _USUAL_GUIDANCE)

    def check(self, operation: Imagine) -> None:
        if operation.previews:
            raise InvalidRequest(
                f"previews: {self._name} is drawn by stable-diffusion.cpp, which makes none here",
                field="previews",
            )

    def steps_of(self, stroke: Stroke) -> int:
        if stroke.image is None:
            return stroke.steps
        left = int(stroke.steps * stroke.strength)
        return max(1, min(left + 1, stroke.steps))

    def prepare(self, loras: Sequence[LoraWeights]) -> None:
        self._loras = loras

    def draw(self, stroke: Stroke, watch: Watch) -> Image.Image:
        params = sd.sd_img_gen_params_t()
        sd._lib.sd_img_gen_params_init(ctypes.byref(params))
        params.prompt = stroke.prompt.encode()
        params.negative_prompt = stroke.negative_prompt.encode()
        params.width, params.height = stroke.width, stroke.height
        params.seed, params.strength = stroke.seed, stroke.strength
        params.batch_count = 1
        sampling = params.sample_params
        sampling.sample_steps = stroke.steps
        sampling.guidance.txt_cfg = stroke.guidance
        if (method := int(SAMPLERS[stroke.sampler])) >= 0:
            sampling.sample_method = method
        held: list[Any] = []  # the structure points into them
        if stroke.image is not None:
            params.init_image = _pixels(stroke.image.convert("RGB"), held)
            mask = stroke.mask or Image.new("L", stroke.image.size, 255)
            params.mask_image = _pixels(mask.convert("L"), held)
        if self._loras:
            each = [
                sd.sd_lora_t(False, lora.scale, str(lora.path).encode()) for lora in self._loras
            ]
            params.loras = (sd.sd_lora_t * len(each))(*each)
            params.lora_count = len(each)
        self._said.clear()
        self._steps, self._watch, self._failure = self.steps_of(stroke), watch, None
        try:
            drawn = sd.generate_image(self._context, ctypes.byref(params))
        finally:
            self._watch = None
        watch.stop.check()
        if self._failure is not None:
            raise self._failure
        self._check_loras()
        if not drawn or not drawn[0].data:
            raise EngineFault(f"stable-diffusion.cpp drew nothing: {self._why()}")
        return _image(drawn)

    def close(self) -> None:
        if self._context:
            sd.free_sd_ctx(self._context)
            self._context = None

    def _check_loras(self) -> None:
        # It goes on without those that it cannot use, and only says so.
        if self._loras and any("lora" in line.lower() for line in self._said):
            raise InvalidRequest(
                f"loras: not all of their tensors belong to {self._name}", field="loras"
            )

    def _log(self, level: int, text: bytes | None, _: Any) -> None:
        if level >= _WARNING and text:
            self._said.append(" ".join(text.decode(errors="replace").split()))
            del self._said[:-_KEPT_LINES]

    def _progress(self, step: int, _: int, __: float, ___: Any) -> None:
        # The library cannot be stopped, and passes over exceptions: they are raised after it.
        if self._watch is None or not 0 < step <= self._steps:
            return
        try:
            self._watch.step(step, lambda: None)
        except Exception as error:
            self._watch, self._failure = None, error

    def _why(self) -> str:
        return "; ".join(self._said[-3:])[:500] or "it does not say why"


def _pixels(image: Image.Image, held: list[Any]) -> Any:
    data = image.tobytes()
    buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
    held.append(buffer)
    channels = len(image.getbands())
    pointer = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_uint8))
    return sd.sd_image_t(image.width, image.height, channels, pointer)


def _image(drawn: Any) -> Image.Image:
    """The picture, and its memory freed."""
    each = drawn[0]
    data = ctypes.string_at(each.data, each.width * each.height * each.channel)
    image = Image.frombytes("RGB", (each.width, each.height), data)
    _free(ctypes.cast(each.data, ctypes.c_void_p))
    _free(ctypes.cast(drawn, ctypes.c_void_p))
    return image
