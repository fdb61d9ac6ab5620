"""A Marian model of CTranslate2 that is small and makes no sense: its weights are random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from recipes.marian.binary import write_vocabulary

WIDTH, INNER, LAYERS = 64, 128, 2
WORDS = [f"\u2581w{number}" for number in range(100)]


def random_opus(folder: Path, *targets: str) -> Path:
    """Write a folder as ``ct2-opus-mt-converter`` does, with the vocabularies that lie beside it.

    Args:
        targets: languages of a model that translates into several.
    """
    tokens = ["</s>", "<unk>", *(f">>{target}<<" for target in targets), *WORDS]
    rng = np.random.default_rng(0)
    weights: dict[str, Any] = {}

    def drawn(*shape: int) -> Any:
        return (rng.standard_normal(shape) * 0.1).astype(np.float32)

    def attention(prefix: str) -> None:
        for part in "qkvo":
            weights[f"{prefix}W{part}"] = drawn(WIDTH, WIDTH)
            weights[f"{prefix}b{part}"] = drawn(1, WIDTH)
        norm(f"{prefix}Wo")

    def norm(prefix: str) -> None:
        weights[f"{prefix}_ln_scale"] = np.ones((1, WIDTH), np.float32)
        weights[f"{prefix}_ln_bias"] = drawn(1, WIDTH)

    def feed_forward(prefix: str) -> None:
        weights[f"{prefix}ffn_W1"], weights[f"{prefix}ffn_b1"] = (
            drawn(WIDTH, INNER),
            drawn(1, INNER),
        )
        weights[f"{prefix}ffn_W2"], weights[f"{prefix}ffn_b2"] = (
            drawn(INNER, WIDTH),
            drawn(1, WIDTH),
        )
        norm(f"{prefix}ffn_ffn")

    for layer in range(1, LAYERS + 1):
        attention(f"encoder_l{layer}_self_")
        feed_forward(f"encoder_l{layer}_")
        attention(f"decoder_l{layer}_self_")
        attention(f"decoder_l{layer}_context_")
        feed_forward(f"decoder_l{layer}_")
    weights["Wemb"] = drawn(len(tokens), WIDTH)
    weights["decoder_ff_logit_out_b"] = drawn(1, len(tokens))
    told = (
        f"type: transformer\nenc-depth: {LAYERS}\ndec-depth: {LAYERS}\ndim-emb: {WIDTH}\n"
        f"dim-vocabs: [{len(tokens)}, {len(tokens)}]\ntransformer-heads: 8\n"
        f"transformer-dim-ffn: {INNER}\ntransformer-ffn-depth: 2\n"
        "transformer-ffn-activation: relu\ntransformer-decoder-autoreg: self-attention\n"
        'transformer-preprocess: ""\ntransformer-postprocess: dan\n'
        "transformer-postprocess-emb: d\ntransformer-no-projection: false\n"
        "transformer-tied-layers: []\ntransformer-guided-alignment-layer: last\n"
        "tied-embeddings: false\ntied-embeddings-all: true\ntied-embeddings-src: false\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    written, numbers = folder / "marian.npz", folder / "vocab.yml"
    config = np.frombuffer(told.encode() + b"\0", np.int8)
    np.savez(written, **weights, **{"special:model.yml": config})
    numbers.write_text("".join(f'"{token}": {n}\n' for n, token in enumerate(tokens)))
    converter = ctranslate2.converters.MarianConverter(str(written), [str(numbers)] * 2)
    converter.convert(str(folder), quantization="int8", force=True)
    written.unlink(missing_ok=True)
    numbers.unlink(missing_ok=True)
    for name in ("source.spm", "target.spm"):
        write_vocabulary(folder / name, WORDS)
    return folder
