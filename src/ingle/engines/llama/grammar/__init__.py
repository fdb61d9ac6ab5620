"""One contract for structured output: what a schema says is held while the model writes.

The way of a schema, one module for each step:

1. `normal_schema` writes it in one form: references beside the root, one spelling for what drafts
   and dialects spell differently, no bound that a grammar should not carry.
2. `held_schema` takes out what LLGuidance, the one compiler, cannot hold, and names each part.
   An answer's schema, and the parameters of a strict tool, are refused for it; the calls of
   another tool are checked when they are made.
3. `answer_grammar` joins them: reasoning, then calls, or the answer.
4. `answer_reader` reads calls and text out of what was written by that grammar.
5. `answer_check` compares what came with the schemas as they were given.

`schema_totals` counts what the schemas of a request add up to, before any is compiled.
`compile_errors` tells whether a grammar compiles: the engine would pass over one that does not, and
the answer would be free of it. It asks `compiler_process`, which ends a `compiler` that takes too
much; that one asks `llguidance`.
"""
