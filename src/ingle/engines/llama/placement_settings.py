"""A planned placement as llama.cpp's settings.

Its own fitting (``--fit``) is off where there is a plan, so that what was planned is what is
loaded. A KV cache that is not in 16 bits needs flash attention; else llama.cpp takes that where
the device has it.
"""

from __future__ import annotations

from typing import Any

from ingle.engines.llama.options import LlamaOptions
from ingle.errors import InvalidRequest

EXPERTS = r"ffn_(up|down|gate|gate_up)_(ch|)exps"
"""Names of the experts' tensors, as llama.cpp's ``--n-cpu-moe`` has them."""


def arguments(options: LlamaOptions) -> list[str]:
    """For the command line of a ``llama-server``."""
    if options.gpu_layers < 0:
        chosen = ["--device", ",".join(options.devices)] if options.devices else []
        return chosen + _cache_arguments(options)
    command = ["--fit", "off", "--n-gpu-layers", str(options.gpu_layers)]
    command += ["--device", ",".join(options.devices) or "none"]
    if not options.devices:
        command += ["--no-mmproj-offload"]
    if len(options.devices) > 1:
        split = ",".join(str(layers) for layers in options.tensor_split)
        command += ["--split-mode", "layer", "--tensor-split", split]
    if options.cpu_moe:
        command += ["--n-cpu-moe", str(options.cpu_moe)]
    return command + _cache_arguments(options)


def _cache_arguments(options: LlamaOptions) -> list[str]:
    if options.cache_type == "f16":
        return []
    kind = options.cache_type
    return ["--cache-type-k", kind, "--cache-type-v", kind, "--flash-attn", "on"]


def set_parameters(params: Any, options: LlamaOptions, names: list[str]) -> None:
    """For xllamacpp's ``CommonParams``.

    Args:
        names: of the devices that this build has, without the CPU, in its order.
    """
    import xllamacpp

    if options.gpu_layers < 0 and options.devices:
        _use_one_device(params, options.devices, names)
    if options.gpu_layers >= 0:
        params.fit_params = False
        params.n_gpu_layers = options.gpu_layers
        layers = dict(zip(options.devices, options.tensor_split, strict=True))
        if len(layers) == 1:
            params.split_mode = xllamacpp.llama_split_mode.LLAMA_SPLIT_MODE_NONE
            params.main_gpu = names.index(options.devices[0])
        elif layers:
            params.tensor_split = [float(layers.get(name, 0)) for name in names]
        else:
            params.no_op_offload = params.no_kv_offload = True
            params.mmproj_use_gpu = False
        if options.cpu_moe:
            layers_of = "|".join(str(layer) for layer in range(options.cpu_moe))
            params.tensor_buft_overrides = rf"blk\.({layers_of})\.{EXPERTS}=CPU"
    if options.cache_type != "f16":
        kind = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{options.cache_type.upper()}")
        params.cache_type_k = params.cache_type_v = kind
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED


def _use_one_device(params: Any, wanted: list[str], names: list[str]) -> None:
    """xllamacpp takes no list of devices, but one of them alone by its number."""
    import xllamacpp

    if len(wanted) != 1 or wanted[0] not in names:
        raise InvalidRequest(
            f"options: devices must be one of {', '.join(names) or 'none'}",
            field="options.devices",
        )
    params.split_mode = xllamacpp.llama_split_mode.LLAMA_SPLIT_MODE_NONE
    params.main_gpu = names.index(wanted[0])
