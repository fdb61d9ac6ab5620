"""The engine documents: readers of files, in a worker of their own."""
