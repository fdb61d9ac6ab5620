"""Whisper by whisper.cpp: ggml files. Its class is imported in workers only."""
