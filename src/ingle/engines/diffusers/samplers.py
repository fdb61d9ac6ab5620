"""Samplers by the names that people use, as schedulers of diffusers."""

from __future__ import annotations

from typing import Any, NamedTuple

import diffusers

OWN = "default"
"""The one that a pipeline brings along."""


class DiffusionSampler(NamedTuple):
    """A scheduler and what of its settings is not its default."""

    scheduler: str
    settings: dict[str, Any] = {}


DENOISING = {
    "euler": DiffusionSampler("EulerDiscreteScheduler"),
    "euler_a": DiffusionSampler("EulerAncestralDiscreteScheduler"),
    "heun": DiffusionSampler("HeunDiscreteScheduler"),
    "ddim": DiffusionSampler("DDIMScheduler"),
    "ddpm": DiffusionSampler("DDPMScheduler"),
    "pndm": DiffusionSampler("PNDMScheduler"),
    "dpm2": DiffusionSampler("KDPM2DiscreteScheduler"),
    "dpm++2m": DiffusionSampler("DPMSolverMultistepScheduler"),
    "dpm++2m_karras": DiffusionSampler("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "unipc": DiffusionSampler("UniPCMultistepScheduler"),
    "lcm": DiffusionSampler("LCMScheduler"),
}
"""For models that were trained to take noise away."""
FLOWING = {
    "euler": DiffusionSampler("FlowMatchEulerDiscreteScheduler"),
    "heun": DiffusionSampler("FlowMatchHeunDiscreteScheduler"),
}
"""For models that were trained to follow a flow."""


def samplers_for(scheduler: Any) -> dict[str, DiffusionSampler]:
    """Those that a pipeline with this scheduler can use; the first one is its own."""
    known = FLOWING if "FlowMatch" in type(scheduler).__name__ else DENOISING
    return {OWN: DiffusionSampler(type(scheduler).__name__), **known}


def made(sampler: DiffusionSampler, own: Any) -> Any:
    """A scheduler with what the pipeline's own says of the model."""
    if type(own).__name__ == sampler.scheduler and not sampler.settings:
        return type(own).from_config(own.config)
    cls = getattr(diffusers, sampler.scheduler)
    return cls.from_config(own.config, **sampler.settings)
