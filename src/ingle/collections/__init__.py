"""Collections: documents of one's own that can be searched and asked.

A collection is one SQLite file (`collection`): where documents come from, their passages, each with
its vector and its words. What makes searching quick is derived of it (`vector_index`) and made
again when it is missing, old or torn.
"""
