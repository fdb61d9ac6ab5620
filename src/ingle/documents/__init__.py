"""Documents as blocks of text: headings, paragraphs, lists, tables, code.

Used in workers alone: what is read here was made by strangers.
"""
