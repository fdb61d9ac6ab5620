"""Jobs: work that takes long, is followed, paused, resumed, and survives the death of its process.

Nothing here knows a kind of job by name. A capability that has jobs declares its kind
(`ingle.jobs.kind.JobKind`, named by ``Capability.job``).
"""
