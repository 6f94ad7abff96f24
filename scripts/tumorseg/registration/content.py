"""What a plan needs besides the config: digests of the data, and the versions of the software."""

import hashlib
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tumorseg import __version__
from tumorseg.core.backends import BACKENDS
from tumorseg.core.digests import sha256
from tumorseg.core.files import read_table

# The packages that shape the numbers; of several backends, those that are installed.
PACKAGES = ("keras", "tensorflow-cpu", "tensorflow", "jax", "torch", "numpy", "scipy", "pandas")


def folder_digest(folder: str | Path) -> str:
    """SHA-256 over the names and the bytes of all files of a folder."""
    digest, root = hashlib.sha256(), Path(folder)
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(root).as_posix()} {sha256(path)}\n".encode())
    return digest.hexdigest()


def data_of(
    cases_dir: str,
    masks_dir: str,
    folds_table: str,
    external_cases_dir: str = "",
    external_masks_dir: str = "",
) -> dict[str, Any]:
    """The numbers of cases and patients, and digests of images, masks and division into folds.

    external_...: folders of the outside data, where there are any.
    """
    folds = read_table(folds_table)
    outside = {"images": external_cases_dir, "masks": external_masks_dir}
    return {
        **{f"external_{name}_sha256": folder_digest(of) for name, of in outside.items() if of},
        "cases": int(folds["case"].nunique()),
        "patients": int(folds["patient"].nunique()),
        "images_sha256": folder_digest(cases_dir),
        "masks_sha256": folder_digest(masks_dir),
        "folds_sha256": sha256(Path(folds_table)),
    }


def software(backend: str) -> dict[str, str]:
    """Versions of Python, of tumorseg and of the packages that shape the numbers.

    backend: on which Keras runs; the others that are installed shape nothing.
    """
    own = {"python": platform.python_version(), "tumorseg": __version__}
    for name in (*PACKAGES, "opencv-python-headless"):
        if name.split("-")[0] in BACKENDS and name.split("-")[0] != backend:
            continue
        with suppress(PackageNotFoundError):
            own[name] = version(name)
    return own
