"""ember: the small Qwen3-architecture model inside ingle, and the recipe that makes it.

Read the stages in the order they run: corpus, tasks, tokenizer, encode,
pretrain (with mixture, model and optimizer), instruct, probe, reward (with sampling), embed,
export, evaluate.
`python -m recipes.ember --scale tiny --out DIR` runs them all.
"""
