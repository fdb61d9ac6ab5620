"""``ingle launch``: run a program that was written for other models with one of yours.

What is to be known of each program is in `programs`. Nothing that outlives it is written: it gets
variables and arguments, and where it reads only files, a temporary folder.
"""
