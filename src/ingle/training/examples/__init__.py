"""Examples: what a person gives to train on, whatever the file's format.

`source` finds out what lies at a path (or under a name in the local cache of
Hugging Face's ``datasets``), one reader for each format yields its rows one by
one, and `form` reads a row as an `Example`.
"""

from ingle.training.examples.example import Example, RowPosition
from ingle.training.examples.form import Columns
from ingle.training.examples.source import Source

__all__ = ["Columns", "Example", "RowPosition", "Source"]
