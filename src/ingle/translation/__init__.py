"""Work on text that is translated: what of it is language, its sentences, documents; in workers.

A text is cut into blocks of a format (`blocks`, `markdown_blocks`, `html_blocks`), those into
sentences, and a sentence is given to a model with all that is not language checked or left out
(`sentence_translation`). In a row the pieces are the text again: what is not translated stays as it
was, byte for byte.
"""
