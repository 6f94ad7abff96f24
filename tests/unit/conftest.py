"""Sets the device up before any test computes: TensorFlow takes its thread counts only once.

Hypothesis' deadlines are off: how busy the machine is proves nothing.
"""

from hypothesis import settings

from tumorseg.core import device

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
device.start(wanted="cpu", threads=1, seed=1)
