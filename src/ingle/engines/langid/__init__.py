"""The engine langid: py3langid, which tells languages by short stretches of bytes."""
