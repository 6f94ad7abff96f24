"""Arrays in .npy files that are written row by row: memory does not grow with their length."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.files import replacing


@contextmanager
def written_rows(
    path: str | Path, shape: tuple[int, ...], dtype: Any
) -> Iterator[Callable[[np.ndarray], object]]:
    """A function that appends the next row of an array; the file appears once all are written.

    `np.load(path, mmap_mode="r")` then reads single rows.

    shape: of the whole array; every row is shape[1:]. Raises ValueError for a row of another shape
    or type, or where the number of rows is not shape[0]; DiskError where the disk is full.
    """
    wanted, rows = np.dtype(dtype), 0
    size = math.prod(shape) * wanted.itemsize
    with replacing(path, size) as temporary, temporary.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(wanted), "fortran_order": False}
        np.lib.format.write_array_header_1_0(file, header | {"shape": shape})

        def append(row: np.ndarray) -> None:
            nonlocal rows
            if row.shape != shape[1:] or row.dtype != wanted:
                raise ValueError(f"{path}: a row of {row.shape} {row.dtype}, expected {shape[1:]}")
            file.write(np.ascontiguousarray(row).tobytes())
            rows += 1

        yield append
        if rows != shape[0]:
            raise ValueError(f"{path}: {rows} rows, expected {shape[0]}")
