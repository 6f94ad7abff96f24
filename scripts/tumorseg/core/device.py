"""Starts the device (CPU, one or several GPUs, a TPU) and runs an epoch of training on it.

Only this module, core/backend.py and core/backends.py name a backend.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any

import numpy as np

from tumorseg.core import gpus
from tumorseg.core.backends import alone, made_for_gpus, make_deterministic, use_backend
from tumorseg.core.errors import UserError
from tumorseg.core.precision import POLICIES, SHORT_PAYS, cpu_precision, gpu_precision
from tumorseg.core.quiet import TENSORFLOW_START, without_lines

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
        self,
        model: Any,
        batches: Batches,
        steps: int,
        after_step: Callable[[], None],
        seed: tuple[int, int] = (0, 0),
    ) -> float:
        """One pass of a compiled Keras model over the `steps` batches(); returns the mean loss.

        It gets batch after batch: on the CPU this is twice as fast as Keras' fit, whose iterator
        inside the graph slows the convolutions (bench/training.py). TensorFlow's strategies divide
        batches in fit alone, over tf.data. Ends early at a loss that is not finite.

        Args:
            model: a compiled Keras model.
            batches: a function that returns the batches of the epoch.
            steps: their number.
            after_step: called after each batch.
            seed: of the training and number of the epoch: of what the backend draws in it.
        """
        from tumorseg.core.backend import seed_epoch  # Keras starts after the device

        seed_epoch(seed)
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
    *,
    wanted: str,
    threads: int,
    seed: int,
    backend: str = "",
    precision: str = "float32",
    width: int = SHORT_PAYS,
    gpu_count: int = 1,
    batch: int = 0,
) -> Device:
    """Sets backend, threads, determinism, seed and precision; call before any network is built.

    Args:
        wanted: auto (the best there is), cpu, gpu or tpu; UserError where there is none.
        threads: CPU threads of this process.
        seed: of everything random in Keras.
        backend: as in `use_backend`.
        precision: auto, float32, bfloat16 or float16. auto takes what the hardware computes fast:
            bfloat16 on TPUs, GPUs of compute capability 8 or more and, with TensorFlow, CPUs of
            `cpu_precision`; float16 on GPUs of compute capability 7; otherwise float32.
        width: channels of the network's narrowest layer, which `cpu_precision` asks for.
        gpu_count: GPUs of this process alone (`gpus.claim`), among which every batch is divided.
        batch: cases in a batch; so many devices share it that each gets as many. 0: all devices.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["NPROC"] = str(threads)  # of JAX on a CPU
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    backend = use_backend(backend)
    if wanted == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["JAX_PLATFORMS"] = "cpu"
    elif wanted != "tpu" and made_for_gpus(backend):
        gpus.claim(gpu_count)
        make_deterministic(backend)
    import cv2

    with without_lines(TENSORFLOW_START), alone(backend):
        import keras

    cv2.setNumThreads(1)
    if backend == "tensorflow":
        device = _tensorflow(wanted, threads)
    else:
        device = other_device(wanted, backend, threads, batch)
    if precision != "auto":
        device = replace(device, precision=precision)
    elif (device.kind, device.backend) == ("cpu", "tensorflow"):
        device = replace(device, precision=cpu_precision(width))
    keras.config.set_dtype_policy(POLICIES[device.precision])
    with alone(backend):
        keras.utils.set_random_seed(seed)
    return device


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
    found = tf.config.list_physical_devices("GPU") if wanted != "cpu" else []
    if not found:
        if wanted == "gpu":
            raise UserError("training.device is gpu, but there is none; set it to auto")
        return Device("cpu", 1, "float32", "tensorflow")
    tf.config.experimental.enable_op_determinism()  # a CPU is bit-identical without it
    oldest = min(
        tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))[0]
        for gpu in found
    )
    strategy = tf.distribute.MirroredStrategy() if len(found) > 1 else None
    return Device("gpu", len(found), gpu_precision(oldest), "tensorflow", strategy)


def other_device(wanted: str, backend: str, threads: int = 1, batch: int = 0) -> Device:
    """JAX and PyTorch: the best device there is. Arguments as in `start`.

    JAX divides every batch among as many devices of a kind as get equal parts of it; PyTorch uses
    the first.
    """
    for kind in ["tpu", "gpu", "cpu"] if wanted == "auto" else [wanted]:
        names, precision = _torch(kind, threads) if backend == "torch" else _jax(kind)
        if names:
            break
    else:
        raise UserError(f"training.device is {wanted}, but there is none; set it to auto")
    if batch:
        names = names[: max(n for n in range(1, len(names) + 1) if batch % n == 0)]
    if backend == "jax":
        from tumorseg.core.backend import divide_batches

        divide_batches(names)
    return Device(kind, len(names), precision, backend)


def _torch(kind: str, threads: int) -> tuple[list[str], str]:
    """The devices of a kind that PyTorch has, by name, and their precision."""
    import torch

    torch.set_num_threads(threads)
    if kind == "gpu" and torch.cuda.is_available():
        return ["cuda:0"], gpu_precision(torch.cuda.get_device_capability()[0])
    return ["cpu"] if kind == "cpu" else [], "float32"


def _jax(kind: str) -> tuple[list[str], str]:
    """The devices of a kind that JAX has in this process, by name, and their precision."""
    import jax

    try:
        found = jax.local_devices(backend=kind)
    except RuntimeError:  # there is none, or its driver does not start
        return [], ""
    precision = "float32" if kind == "cpu" else "bfloat16"
    if kind == "gpu":
        precision = gpu_precision(int(float(found[0].compute_capability)))
    return [f"{device.platform}:{device.id}" for device in found], precision


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
