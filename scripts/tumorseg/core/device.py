"""Finds the device (CPU, one or several GPUs, a TPU) and runs an epoch of training on it.

Only this module and core/backend.py name a backend.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.errors import UserError
from tumorseg.core.quiet import TENSORFLOW_START, without_lines

# Keras' names: layers compute in the short type, variables stay float32.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
SHORT_PAYS = 16  # channels from which on a CPU may be faster in bfloat16
Batches = Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]


@dataclass(frozen=True)
class Device:
    """The device: its kind (cpu, gpu, tpu), how many there are, and their precision.

    precision: float32, or bfloat16 or float16 for layers whose variables stay float32.
    """

    kind: str
    count: int
    precision: str
    backend: str
    strategy: Any = None

    def scope(self) -> AbstractContextManager:
        """A context; variables created inside live on every device of the strategy."""
        return self.strategy.scope() if self.strategy else nullcontext()

    @property
    def xla(self) -> bool | str:
        """Keras' jit_compile. On a TensorFlow CPU XLA takes longer to compile than it saves."""
        return False if (self.backend, self.kind) == ("tensorflow", "cpu") else "auto"

    def train_epoch(
        self, model: Any, batches: Batches, steps: int, after_step: Callable[[], None]
    ) -> float:
        """One pass of a compiled Keras model over the `steps` batches(); returns the mean loss.

        One device gets batch after batch: on the CPU this is twice as fast as Keras' fit, whose
        iterator inside the graph slows the convolutions (bench/training.py). Several devices share
        every batch, which only fit over tf.data can split. Ends early at a loss that is not finite.

        Args:
            model: a compiled Keras model.
            batches: a function that returns the batches of the epoch.
            steps: their number.
            after_step: called after each batch.
        """
        if self.strategy is not None:
            from keras.callbacks import LambdaCallback

            step = LambdaCallback(on_train_batch_end=lambda batch, logs: after_step())
            # Without the number of steps Keras adds an empty step at the end of each pass.
            options: dict[str, Any] = {"steps_per_epoch": steps, "shuffle": False, "verbose": 0}
            return model.fit(_dataset(batches), callbacks=[step], **options).history["loss"][-1]
        total = cases = 0.0
        for images, masks in batches():
            total += len(images) * float(model.train_on_batch(images, masks))
            cases += len(images)
            if not isfinite(total):
                break
            after_step()
        return total / cases

    def description(self) -> dict[str, str | int]:
        """All fields but the strategy, for settings.yaml."""
        return {k: v for k, v in asdict(self).items() if k != "strategy"}


def start(
    *, wanted: str, threads: int, seed: int, precision: str = "float32", width: int = SHORT_PAYS
) -> Device:
    """Sets threads, determinism, seed and precision; call it before any network is built.

    Args:
        wanted: auto (the best there is), cpu, gpu or tpu; UserError where there is none.
        threads: CPU threads of this process.
        seed: of everything random in Keras.
        precision: auto, float32, bfloat16 or float16. auto takes what the hardware computes fast:
            bfloat16 on TPUs, GPUs of compute capability 8 or more and CPUs of `cpu_precision`;
            float16 on GPUs of compute capability 7; otherwise float32.
        width: channels of the network's narrowest layer, which `cpu_precision` asks for.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if wanted == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["JAX_PLATFORMS"] = "cpu"
    import cv2

    with without_lines(TENSORFLOW_START), _unseen_packages():
        import keras

    cv2.setNumThreads(1)
    backend = keras.backend.backend()
    device = (
        _tensorflow(wanted, threads) if backend == "tensorflow" else other_device(wanted, backend)
    )
    if precision != "auto":
        device = replace(device, precision=precision)
    elif (device.kind, device.backend) == ("cpu", "tensorflow"):
        device = replace(device, precision=cpu_precision(width))
    keras.config.set_dtype_policy(POLICIES[device.precision])
    keras.utils.set_random_seed(seed)
    return device


@contextmanager
def _unseen_packages() -> Iterator[None]:
    """Hides what Keras and TensorFlow import where it is installed, to wrap what we do not use.

    A fourth of the start, which every training, prediction and trial waits for.
    """
    names = ["sklearn", "matplotlib"] + ["jax"] * (os.environ.get("KERAS_BACKEND") == "tensorflow")
    modules: dict[str, Any] = sys.modules  # None in it stands for a package that is not installed
    hidden = [name for name in names if name not in modules]
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]


def _tensorflow(wanted: str, threads: int) -> Device:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if wanted in ("auto", "tpu"):
        try:
            resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
            strategy = tf.distribute.TPUStrategy(resolver)
            count = strategy.num_replicas_in_sync
            return Device("tpu", count, "bfloat16", "tensorflow", strategy)
        except (ValueError, tf.errors.NotFoundError, tf.errors.InvalidArgumentError):
            if wanted == "tpu":
                raise UserError(
                    "training.device is tpu, but there is none; set it to auto"
                ) from None
    gpus = tf.config.list_physical_devices("GPU") if wanted != "cpu" else []
    if not gpus:
        if wanted == "gpu":
            raise UserError("training.device is gpu, but there is none; set it to auto")
        return Device("cpu", 1, "float32", "tensorflow")
    tf.config.experimental.enable_op_determinism()  # a CPU is bit-identical without it
    oldest = min(
        tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))[0]
        for gpu in gpus
    )
    precision = "bfloat16" if oldest >= 8 else "float16" if oldest == 7 else "float32"
    strategy = tf.distribute.MirroredStrategy() if len(gpus) > 1 else None
    return Device("gpu", len(gpus), precision, "tensorflow", strategy)


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


def other_device(wanted: str, backend: str) -> Device:
    """JAX and PyTorch: Keras uses the first device that it finds. wanted: as in `start`."""
    kinds = ["tpu", "gpu"] if wanted == "auto" else [wanted]
    for kind in kinds:
        if kind != "cpu" and _has(kind, backend):
            return Device(kind, 1, "bfloat16", backend)
    if wanted not in ("auto", "cpu"):
        raise UserError(f"training.device is {wanted}, but there is none; set it to auto")
    return Device("cpu", 1, "float32", backend)


def _has(kind: str, backend: str) -> bool:
    """Keras cannot tell: it fails for a kind that JAX does not find, and always on PyTorch."""
    if backend == "torch":
        import torch

        return kind == "gpu" and torch.cuda.is_available()
    import jax

    try:
        return bool(jax.devices(kind))
    except RuntimeError:  # there is none, or its driver does not start
        return False


def _dataset(batches: Batches) -> Any:
    """The batches of one pass as tf.data, without autotune, whose clean-up delays every epoch."""
    import tensorflow as tf

    signature = tuple(
        tf.TensorSpec((None, *array.shape[1:]), tf.as_dtype(array.dtype))
        for array in next(batches())
    )
    data = tf.data.Dataset.from_generator(batches, output_signature=signature)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return data.prefetch(2).with_options(options)
