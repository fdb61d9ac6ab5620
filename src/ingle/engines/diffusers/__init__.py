"""Pipelines that draw, by Hugging Face's diffusers on torch."""
