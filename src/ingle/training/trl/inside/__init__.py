"""What runs inside TRL's environment, started by ``accelerate launch``.

Of ingle these modules import only what the standard library suffices for: errors,
rewards, the schedule and `Job`.
"""
