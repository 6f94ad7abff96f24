"""Sets the device up before any test computes: TensorFlow takes its thread counts only once."""

from tumorseg import device

device.start(wanted="cpu", threads=1, seed=1)
