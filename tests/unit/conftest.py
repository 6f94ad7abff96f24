"""Sets the device up before any test computes: TensorFlow takes its thread counts only once.

Hypothesis has no deadlines: how busy the machine is proves nothing. HYPOTHESIS_PROFILE=quick tries
fewer examples (`make quick`).
"""

import os

from hypothesis import settings

from tumorseg.core import device

settings.register_profile("default", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=15)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
device.start(wanted="cpu", threads=1, seed=1)
