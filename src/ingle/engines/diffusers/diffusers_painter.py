"""`DiffusersPainter`: a pipeline of diffusers that is open."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import diffusers
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ingle.capabilities.imagine.operation import Imagine
from ingle.engines.diffusers.samplers import made, samplers_for
from ingle.engines.drawing.painter import CanvasSizes, LoraWeights, Stroke, Watch
from ingle.errors import InvalidRequest
from ingle.pictures.encode import SMALL, preview

USUAL_STEPS, USUAL_GUIDANCE = 30, 5.0
_LIMIT = "no step is left: strength or steps are too small"


class DiffusersPainter:
    """See `ingle.engines.drawing.painter.Painter`.

    Args:
        pipeline: from text to picture; what begins with a picture is made of it.
        side: pixels of the pictures that it was trained on.
        name: the model's, for messages.
    """

    def __init__(self, pipeline: Any, side: int, name: str) -> None:
        self._pipelines = {"text": pipeline}
        self._own = pipeline.scheduler
        self._name = name
        self._samplers = samplers_for(pipeline.scheduler)
        self._loras: list[str] = []
        self._watch: Watch | None = None
        self._network = getattr(pipeline, "unet", None) or pipeline.transformer
        flat = getattr(pipeline, "unet", None) is None
        scale = int(getattr(pipeline, "vae_scale_factor", 8))
        self.canvas = CanvasSizes(side, scale * 2 if flat else scale)
        for block in _blocks(self._network, pipeline.vae):
            block.register_forward_pre_hook(self._check)

    @property
    def samplers(self) -> Sequence[str]:
        return list(self._samplers)

    def usual(self, operation: Imagine) -> tuple[int, float]:
        defaults = inspect.signature(type(self._pipelines["text"]).__call__).parameters
        steps = defaults["num_inference_steps"].default
        guidance = defaults["guidance_scale"].default
        return int(steps or USUAL_STEPS), float(USUAL_GUIDANCE if guidance is None else guidance)

    def check(self, operation: Imagine) -> None:
        if operation.negative_prompt and "negative_prompt" not in self._takes("text"):
            raise InvalidRequest(
                f"negative_prompt: {self._name} does not take any", field="negative_prompt"
            )
        if operation.loras and not hasattr(self._pipelines["text"], "load_lora_weights"):
            raise InvalidRequest(f"loras: {self._name} does not take any", field="loras")
        if operation.image is not None or operation.upscale > 1:
            self._pipeline("image", "AutoPipelineForImage2Image")
        if operation.mask is not None:
            self._pipeline("mask", "AutoPipelineForInpainting")

    def steps_of(self, stroke: Stroke) -> int:
        if stroke.image is None:
            return stroke.steps
        left = min(int(stroke.steps * stroke.strength), stroke.steps)
        if not left:
            raise InvalidRequest(
                f"strength: of {stroke.steps} steps at {stroke.strength:g} {_LIMIT}",
                hint="raise --strength or --steps",
                field="strength",
            )
        return left

    def prepare(self, loras: Sequence[LoraWeights]) -> None:
        pipeline = self._pipelines["text"]
        if self._loras:
            pipeline.unload_lora_weights()
            self._loras = []
        for number, lora in enumerate(loras):
            try:
                weights = load_file(lora.path)
                pipeline.load_lora_weights(weights, adapter_name=f"lora{number}")
            except (SafetensorError, ValueError, RuntimeError, KeyError, AttributeError) as error:
                why = str(error).partition("\n")[0][:300]
                raise InvalidRequest(
                    f"{lora.name}: it is not a LoRA of {self._name}: {why}", field="loras"
                ) from None
            self._loras.append(f"lora{number}")
        if self._loras:
            pipeline.set_adapters(self._loras, [lora.scale for lora in loras])

    def draw(self, stroke: Stroke, watch: Watch) -> Image.Image:
        kind = "mask" if stroke.mask else "image" if stroke.image else "text"
        pipeline = self._pipelines[kind]
        pipeline.scheduler = made(self._samplers[stroke.sampler], self._own)
        given: dict[str, Any] = {
            "prompt": stroke.prompt,
            "num_inference_steps": stroke.steps,
            "guidance_scale": stroke.guidance,
            # On the processor, whose numbers are the same for every device.
            "generator": torch.Generator("cpu").manual_seed(stroke.seed),
            "callback_on_step_end": self._callback(watch),
            "callback_on_step_end_tensor_inputs": ["latents"],
        }
        if stroke.negative_prompt:
            given["negative_prompt"] = stroke.negative_prompt
        if stroke.image is not None:
            given |= {"image": stroke.image, "strength": stroke.strength}
        if stroke.mask is not None:
            given["mask_image"] = stroke.mask
        if "height" in self._takes(kind):
            given |= {"width": stroke.width, "height": stroke.height}
        self._watch = watch
        try:
            image: Image.Image = pipeline(**given).images[0]
        finally:
            self._watch = None
        return image.convert("RGB")

    def close(self) -> None:
        self._pipelines.clear()

    def _takes(self, kind: str) -> set[str]:
        return set(inspect.signature(type(self._pipelines[kind]).__call__).parameters)

    def _pipeline(self, kind: str, maker: str) -> None:
        """Make the pipeline of a kind. It shares all parts with the first."""
        if kind in self._pipelines:
            return
        try:
            made_of = getattr(diffusers, maker).from_pipe(self._pipelines["text"])
        except ValueError:
            raise InvalidRequest(
                f"{kind}: {self._name} cannot begin with a picture", field=kind
            ) from None
        made_of.set_progress_bar_config(disable=True)
        self._pipelines[kind] = made_of

    def _check(self, *_: Any) -> None:
        """Before each block of a network: who has left waits for no step's end."""
        if self._watch is not None:
            self._watch.stop.check()

    def _callback(self, watch: Watch) -> Callable[..., dict[str, Any]]:
        def ended(_: Any, number: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            watch.stop.check()
            watch.step(number + 1, lambda: self._preview(tensors["latents"]))
            return {}

        return ended

    def _preview(self, latents: Tensor) -> bytes | None:
        """What the latents show, decoded at a small size; None where they are packed."""
        if latents.ndim != 4:
            return None
        pipeline = self._pipelines["text"]
        vae, processor = pipeline.vae, pipeline.image_processor
        most = max(SMALL // int(pipeline.vae_scale_factor), 1)
        height, width = latents.shape[-2:]
        factor = min(1.0, most / max(height, width))
        with torch.no_grad():
            if factor < 1:
                size = (max(1, int(height * factor)), max(1, int(width * factor)))
                latents = nn.functional.interpolate(latents.float(), size=size, mode="area")
            shift = getattr(vae.config, "shift_factor", None) or 0.0
            latents = latents / vae.config.scaling_factor + shift
            sample = vae.decode(latents.to(vae.dtype)).sample
        image: Image.Image = processor.postprocess(sample.float(), output_type="pil")[0]
        return preview(image)


def _blocks(*networks: nn.Module) -> Iterator[nn.Module]:
    """The blocks that networks are made of, two levels deep."""
    for network in networks:
        for child in network.children():
            yield child
            for inner in child.children():
                yield inner
                if isinstance(inner, nn.ModuleList):
                    yield from inner
