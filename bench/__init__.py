"""Speed and memory as ratios against the bare engine, measured in pairs in one process tree."""
