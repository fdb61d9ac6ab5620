"""Training by TRL, in an environment of its own: what TRL is given, and what comes back.

ingle never imports TRL. It writes the base as a Hugging Face folder, the examples
as the engine's tokens and a `Job`; the modules in `inside` are run by the Python of
that environment, and come back with files and lines of progress.
"""
