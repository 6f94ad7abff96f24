# What jobs ask for.


def memory(mb):
    """A resource: megabytes, more at each attempt; a profile's `retries` repeat what was killed."""
    return lambda wildcards, attempt: attempt * mb


def gpus(count=1):
    """Resources: as many GPUs, where the config wants one; without, none is named, not even 0."""
    return {"gpu": count} if config["training"]["device"] == "gpu" else {}
