"""``ingle ocr``."""
