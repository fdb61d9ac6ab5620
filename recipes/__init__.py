"""Recipes: programs that make the models ingle ships."""
