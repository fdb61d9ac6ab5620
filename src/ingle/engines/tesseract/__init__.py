"""Tesseract: the system's program, quick on clean pages."""
