"""The engine bergamot: models of Firefox's translations, by fxtranslate."""
