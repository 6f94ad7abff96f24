"""Which number format a processor computes fast: float32, bfloat16 or float16."""

from pathlib import Path

# Keras' names: layers compute in the short type, variables stay float32.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
SHORT_PAYS = 16  # channels from which on a CPU may be faster in bfloat16


def gpu_precision(capability: int) -> str:
    """What a GPU of this (major) compute capability computes fast."""
    return "bfloat16" if capability >= 8 else "float16" if capability == 7 else "float32"


def cpu_precision(width: int, cpuinfo: str | None = None) -> str:
    """bfloat16 where the CPU is faster in it, else float32.

    Measured (bench/training.py), times float32: 2.0 with AMX; 1.7 with AVX-512 BF16 of AMD, but .65
    with that of Intel without AMX; .1 without any. These kernels take SHORT_PAYS channels at once:
    AMD's reach .6 with a base width of 8 and .9 with 12.

    width: channels of the narrowest layer; cpuinfo: the text of /proc/cpuinfo, None reads it.
    """
    if cpuinfo is None:
        cpuinfo = path.read_text("utf-8") if (path := Path("/proc/cpuinfo")).is_file() else ""
    words = set(cpuinfo.split())
    fast = "amx_bf16" in words or {"avx512_bf16", "AuthenticAMD"} <= words
    return "bfloat16" if fast and width >= SHORT_PAYS else "float32"
