"""A Stable Diffusion of random weights as diffusers has them: 7 MB, and a picture in a moment."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

SIDE = 32
"""Pixels that it was "trained" on."""
LETTERS = [chr(97 + at) for at in range(26)]
SPECIALS = ["<|startoftext|>", "<|endoftext|>"]


def write_pipeline(folder: Path, *, seed: int = 0) -> Path:
    """Write it, once made for all."""
    shutil.copytree(_made(seed), folder, dirs_exist_ok=True)
    return folder


@functools.cache
def _made(seed: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tiny-diffusion-"))
    pipeline(folder, seed).save_pretrained(folder / "model", safe_serialization=True)
    return folder / "model"


def pipeline(
    folder: Path, seed: int, *, widths: tuple[int, int] = (32, 64), side: int = SIDE
) -> Any:
    """The bare pipeline.

    Args:
        folder: for the words of its tokenizer.
        widths: channels of its two levels.
    """
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline
    from diffusers import UNet2DConditionModel as UNet
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    words = [*SPECIALS, *LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    (folder / "vocab.json").write_text(json.dumps({word: at for at, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    torch.manual_seed(seed)
    text = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=16,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    unet = UNet(
        block_out_channels=widths,
        layers_per_block=1,
        sample_size=side // 2,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        norm_num_groups=8,
    )
    vae = AutoencoderKL(
        block_out_channels=list(widths),
        in_channels=3,
        out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=4,
        norm_num_groups=8,
    )
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=CLIPTokenizer(
            str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16
        ),
        unet=unet,
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
