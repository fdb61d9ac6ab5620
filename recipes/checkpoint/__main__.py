"""python -m recipes.checkpoint FILE

Writes a checkpoint of the shape of Stable Diffusion 1.5 with random weights (F16, 2.1 GB): the
smallest that stable-diffusion.cpp draws with, since the width of its network is fixed. What it
draws is noise; time and memory are those of the true one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

CHANNELS = (128, 256, 512, 512)
"""Of the decoder's blocks."""


def network() -> nn.Module:
    return UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8)


def decoder() -> nn.Module:
    return AutoencoderKL(
        block_out_channels=CHANNELS,
        down_block_types=("DownEncoderBlock2D",) * len(CHANNELS),
        up_block_types=("UpDecoderBlock2D",) * len(CHANNELS),
        layers_per_block=2,
    )


def text_encoder() -> nn.Module:
    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=768,
        intermediate_size=3072,
        num_attention_heads=12,
        num_hidden_layers=12,
    )
    return CLIPTextModel(config)


PARTS = {"unet": network, "vae": decoder, "te.text_model": text_encoder}
"""By the prefix of their tensors' names."""


def tensors() -> dict[str, Tensor]:
    torch.manual_seed(0)
    found: dict[str, Tensor] = {}
    for prefix, made in PARTS.items():
        for name, tensor in made().half().state_dict().items():
            found[f"{prefix}.{name}"] = tensor.contiguous()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[2])
    parser.add_argument("file", type=Path)
    chosen = parser.parse_args()
    save_file(tensors(), chosen.file)
    print(f"{chosen.file}: {chosen.file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
