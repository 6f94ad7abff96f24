"""New images, one after another: read, predicted, written in their own geometry, remembered.

What is remembered of an image lies in `.records/`; it is not done again while model, image and code
are what they were and its files are still there.
"""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.digests import files_digest
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_text
from tumorseg.core.problems import DataError, Problem, warning
from tumorseg.imaging import planes, scans
from tumorseg.imaging.scans import Scan
from tumorseg.prediction import native_files, overview
from tumorseg.prediction.mean_of_members import SLICES, Members, Prediction, Stack, predict
from tumorseg.prediction.new_images import Image

TOGETHER_PX = 2**24  # pictures are predicted several at a time while they have no more pixels


def identity(image: Image, version: str) -> str:
    """Changes with the image's files (their sizes and times), or with `version`."""
    return f"{version} {files_digest([image.path], image.path.parent)}"


class Work:
    """Where the predictions of a set of images go, and what is known of them.

    members: called when the first image has to be predicted; Keras starts slowly. version: digest
    of model and code. Failed images are counted in `failed`, done ones in `done`.
    """

    def __init__(
        self, folder: Path, facts: dict[str, Any], version: str, members: Callable[[], Members]
    ) -> None:
        self.folder, self.facts, self.version = folder, facts, version
        self.make_members, self.members = members, None
        self.failed, self.done, self.kept = 0, 0, 0

    def record_file(self, image: Image) -> Path:
        """Where an image's record lies."""
        return self.folder / ".records" / f"{image.stem}.json"

    def remembered(self, image: Image) -> bool:
        """Whether an image need not be done again."""
        try:
            record = json.loads(self.record_file(image).read_text(encoding="utf-8"))
            found = record["identity"] == identity(image, self.version)
            return found and all((self.folder / name).is_file() for name in record["files"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def records(self, images: list[Image]) -> Iterator[dict[str, Any]]:
        """The records of images, read one by one."""
        for image in images:
            yield json.loads(self.record_file(image).read_text(encoding="utf-8"))

    def run(self, images: list[Image]) -> None:
        """Predicts what is not remembered; pictures several at a time, volumes one by one."""
        waiting: list[tuple[Image, Scan]] = []
        for image in images:
            if self.remembered(image):
                self.kept += 1
                continue
            try:
                scan = scans.read(image.path)
            except UserError as error:
                told = error.at(image.name) if isinstance(error, DataError) else error
                self._fail(image, told)
                continue
            if scan.voxels.ndim == 3:
                self._predict([(image, scan)])
                continue
            waiting.append((image, scan))
            if len(waiting) == SLICES or sum(s.voxels.size for _, s in waiting) > TOGETHER_PX:
                self._predict(waiting)
                waiting = []
        self._predict(waiting)

    def _predict(self, batch: list[tuple[Image, Scan]]) -> None:
        if not batch:
            return
        if self.members is None:
            self.members = self.make_members()
        stacks = [_slices(scan) for _, scan in batch]
        answers = predict(self.members, stacks, self.facts)
        for (image, scan), stack, answer in zip(batch, stacks, answers, strict=True):
            self._write(image, scan, stack, answer)

    def _write(self, image: Image, scan: Scan, stack: Stack, answer: Prediction) -> None:
        plane = scans.acquisition_plane(scan)
        mask, quantised = (_unsliced(part, scan) for part in (answer.mask, answer.quantised))
        files, told = native_files.write(self.folder / image.stem, scan, mask, quantised)
        notes = [*scan.notes, *told, *self._strange(plane)]
        row = {
            "image": image.name,
            "status": "ok",
            "plane": plane,
            "slices": len(stack.slices),
            "height_px": stack.slices.shape[1],
            "width_px": stack.slices.shape[2],
            **_sizes(scan, stack, int(answer.mask.sum(dtype=np.int64))),
            "spread": _defined(answer.spread),
            "members_dice": _defined(answer.members_dice),
            "notes": "; ".join(note.line() for note in notes),
        }
        for note in notes:
            print(f"WARNING {note.at(image.name).line()}", flush=True)
        self._remember(image, row, overview.thumbnail(stack.slices, answer.mask), files)
        self.done += 1
        print(f"{image.name}: {row['tumour_px']} px of tumour", flush=True)

    def _strange(self, plane: str) -> list[Problem]:
        trained = ", ".join(self.facts["planes"])
        if not plane or plane in self.facts["planes"]:
            return []
        return [
            warning(
                "plane_not_trained",
                f"a {plane} image",
                f"a plane that the model was trained on ({trained})",
                "take this prediction for a guess, or train on such images",
            )
        ]

    def _fail(self, image: Image, error: UserError) -> None:
        print(f"ERROR {error}", flush=True)
        row: dict[str, Any] = dict.fromkeys(overview.COLUMNS)
        row |= {"image": image.name, "status": "failed", "plane": "", "notes": str(error)}
        self._remember(image, row, None, [])
        self.failed += 1

    def _remember(
        self, image: Image, row: dict[str, Any], picture: dict | None, files: list[Path]
    ) -> None:
        names = [path.relative_to(self.folder).as_posix() for path in files]
        # A failed image is tried again each time: what ails it may not be seen in its file.
        known = identity(image, self.version) if row["status"] == "ok" else ""
        record = {"identity": known, "files": names, "row": row, "picture": picture}
        write_text(self.record_file(image), json.dumps(record, allow_nan=False))


def _slices(scan: Scan) -> Stack:
    """A scan as slices: a volume in the plane it was taken in."""
    if scan.affine is not None:
        plane = scans.acquisition_plane(scan)
        slices = planes.cut(scan.voxels, scan.affine, plane)
        return Stack(slices, planes.spacing_in(scan.affine, plane))
    slices = scan.voxels if scan.voxels.ndim == 3 else scan.voxels[None]
    return Stack(slices, scan.spacing_mm)


def _unsliced(stack: np.ndarray, scan: Scan) -> np.ndarray:
    """The way back from `_slices` to the shape of scan.voxels."""
    if scan.affine is not None:
        return planes.reassemble(
            stack, scan.affine, scans.acquisition_plane(scan), scan.voxels.shape
        )
    return stack if scan.voxels.ndim == 3 else stack[0]


def _sizes(scan: Scan, stack: Stack, pixels: int) -> dict[str, float | int | None]:
    """tumour_px, and its size: mm2 of a single slice, ml of a volume; None where unknown."""
    sizes: dict[str, float | int | None] = dict.fromkeys(("tumour_px", "tumour_mm2", "tumour_ml"))
    sizes["tumour_px"] = pixels
    if len(stack.slices) == 1:
        sizes["tumour_mm2"] = _defined(pixels * float(np.prod(stack.spacing_mm)))
    elif scan.affine is not None:
        sizes["tumour_ml"] = pixels * abs(float(np.linalg.det(scan.affine[:3, :3]))) / 1000
    return sizes


def _defined(value: float) -> float | None:
    """The number, None where it is undefined: JSON has no NaN."""
    return None if math.isnan(value) else value
