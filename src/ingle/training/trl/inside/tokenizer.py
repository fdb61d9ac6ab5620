"""The base's tokeniser, read out of its GGUF file by transformers and written beside the weights:
``python -m ingle.training.trl.inside.tokenizer GGUF FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Entry point."""
    import transformers

    gguf, folder = Path(sys.argv[1]), sys.argv[2]
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main()
