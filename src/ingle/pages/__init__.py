"""Work on pages of text: how lines stand, in what order they are read, and how pages are written.

Pure: lines and pages in, pages and text out. Engines, the command line and HTTP use it.
"""
