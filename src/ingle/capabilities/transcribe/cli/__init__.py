"""Commands of transcribing."""
