"""Sets the device up before any test computes: TensorFlow takes its thread counts only once.

Hypothesis has no deadlines: how busy the machine is proves nothing. Each run tries other examples,
so 50 are enough; HYPOTHESIS_PROFILE=quick tries fewer (`make quick`).
"""

import os

from hypothesis import settings

from tumorseg.core import device

settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("quick", deadline=None, max_examples=15)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
device.start(wanted="cpu", threads=1, seed=1)
