"""A speaker model that tells espeak-ng's voices apart. See README.md."""
