"""Training: LoRA adapters on the very weights that are served.

The base stays the quantised GGUF; what is trained leaves as an adapter that
llama.cpp and PEFT load. Needs the ``train`` extra; nothing here is imported
until a run starts.
"""
