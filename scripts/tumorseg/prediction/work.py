"""Predicts images one after another and writes their results; finished images are skipped.

Each image has a record in `.records/`. It is skipped as long as model, image and code are unchanged
and its result files exist. Results that someone has changed are never overwritten.
"""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np

from tumorseg.core.digests import files_digest, sha256
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_text
from tumorseg.core.problems import DataError, Problem, warning
from tumorseg.imaging import planes, scans
from tumorseg.imaging.scans import Scan
from tumorseg.prediction import native_files, overview
from tumorseg.prediction.earlier_results import set_aside
from tumorseg.prediction.mean_of_members import SLICES, Members, Prediction, Stack, predict
from tumorseg.prediction.new_images import Image
from tumorseg.prediction.records import ImageRecord, ImageRow, ModelFacts, Thumbnail, TumourSize

TOGETHER_PX = 2**24  # pixels of the pictures that are predicted at a time


def identity(image: Image, version: str) -> str:
    """A text that changes with `version` and with sizes and times of the image's files."""
    return f"{version} {files_digest([image.path], image.path.parent)}"


class Work:
    """Predicts a set of images into a folder.

    make_members: loads the networks; called only when an image must be predicted, since Keras
    starts slowly. version: digest of model and code. `done`, `kept` and `failed` count images that
    were predicted, that were up to date, and that could not be predicted; `of_channel` those with
    several channels, of which the model's was read.
    """

    def __init__(
        self, folder: Path, facts: ModelFacts, version: str, make_members: Callable[[], Members]
    ) -> None:
        self.folder, self.facts, self.version = folder, facts, version
        self.make_members = make_members
        self.members: Members | None = None
        self.failed, self.done, self.kept, self.of_channel = 0, 0, 0, 0

    def record_file(self, image: Image) -> Path:
        """The path of an image's record."""
        return self.folder / ".records" / f"{image.stem}.json"

    def is_up_to_date(self, image: Image) -> bool:
        """Whether an image has been predicted and nothing has changed since."""
        try:
            record = json.loads(self.record_file(image).read_text(encoding="utf-8"))
            unchanged = record["identity"] == identity(image, self.version)
            return unchanged and all((self.folder / name).is_file() for name in record["files"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def records(self, images: list[Image]) -> Iterator[ImageRecord]:
        """The records of images, read one at a time."""
        for image in images:
            yield json.loads(self.record_file(image).read_text(encoding="utf-8"))

    def remarks(self) -> list[str]:
        """Sentences about how images were read."""
        if not self.of_channel:
            return []
        channel = f"channel {self.facts['channel']} (from 0)"
        return [
            f"Of {self.of_channel} images with several channels {channel} was read, as trained."
        ]

    def run(self, images: list[Image]) -> None:
        """Predicts all images that are not up to date: pictures in batches, volumes one by one."""
        waiting: list[tuple[Image, Scan]] = []
        for image in images:
            if self.is_up_to_date(image):
                self.kept += 1
                continue
            try:
                scan = self._read(image.path)
            except UserError as error:
                self._fail(image, error.at(image.name) if isinstance(error, DataError) else error)
                continue
            if scan.voxels.ndim == 3:
                self._predict([(image, scan)])
                continue
            waiting.append((image, scan))
            if len(waiting) == SLICES or sum(s.voxels.size for _, s in waiting) > TOGETHER_PX:
                self._predict(waiting)
                waiting = []
        self._predict(waiting)

    def _read(self, path: Path) -> Scan:
        """The scan; of an image with several channels the one that the model was trained on."""
        channel = self.facts.get("channel")
        if channel is not None:
            try:
                scan = scans.read(path, channel)
                self.of_channel += 1
                return scan
            except DataError as lacking:
                if lacking.problem.code != "channel_missing":
                    raise
        return scans.read(path)

    def _predict(self, batch: list[tuple[Image, Scan]]) -> None:
        if not batch:
            return
        if self.members is None:
            self.members = self.make_members()
        stacks = [_slices(scan, self._plane(scan)) for _, scan in batch]
        predictions = predict(self.members, stacks, self.facts)
        for (image, scan), stack, prediction in zip(batch, stacks, predictions, strict=True):
            self._write(image, scan, stack, prediction)

    def _write(self, image: Image, scan: Scan, stack: Stack, prediction: Prediction) -> None:
        plane = self._plane(scan)
        arrays = prediction.mask, prediction.quantised
        mask, quantised = (_unsliced(array, scan, plane) for array in arrays)
        notes = [*scan.notes, *self._plane_warning(scan, plane), *self._set_aside(image)]
        files, warnings = native_files.write(self.folder / image.stem, scan, mask, quantised)
        notes += warnings
        row: ImageRow = {
            "image": image.name,
            "status": "ok",
            "plane": plane,
            "slices": len(stack.slices),
            "height_px": stack.slices.shape[1],
            "width_px": stack.slices.shape[2],
            **_tumour_size(scan, stack, int(prediction.mask.sum(dtype=np.int64))),
            "spread": _defined(prediction.spread),
            "members_dice": _defined(prediction.members_dice),
            "notes": "; ".join(note.line() for note in notes),
        }
        for note in notes:
            print(f"WARNING {note.at(image.name).line()}", flush=True)
        picture = overview.thumbnail(stack.slices, prediction.mask)
        self._record(image, row, picture, files)
        self.done += 1
        print(f"{image.name}: {row['tumour_px']} px of tumour", flush=True)

    def _plane(self, scan: Scan) -> str:
        """The plane in which a scan is predicted; empty for a picture.

        A volume's is that of its acquisition. Where the model was not trained on it, it is the one
        of the trained planes that had most slices.
        """
        available, trained = scans.planes_of(scan), self.facts["planes"]
        fitting = [plane for plane in available if plane in trained]
        if not fitting or available[0] in fitting:
            return scans.acquisition_plane(scan)
        return max(fitting, key=trained.__getitem__)

    def _plane_warning(self, scan: Scan, plane: str) -> list[Problem]:
        acquired, trained = scans.acquisition_plane(scan), ", ".join(self.facts["planes"])
        if acquired in ("", *self.facts["planes"]):
            return []
        hint = "do not rely on this prediction, or train a model on such images"
        if plane != acquired:
            hint = f"it was cut into {plane} slices; look at them, above all if they are coarse"
        expected = f"a plane that the model was trained on ({trained})"
        return [warning("plane_not_trained", f"a {acquired} image", expected, hint)]

    def _set_aside(self, image: Image) -> list[Problem]:
        """Makes room for new results; warns of earlier ones that someone has changed."""
        try:
            written = dict(json.loads(self.record_file(image).read_text(encoding="utf-8"))["files"])
        except (OSError, ValueError, KeyError, TypeError):
            return []  # there is no earlier prediction
        return set_aside(self.folder, written)

    def _fail(self, image: Image, error: UserError) -> None:
        print(f"ERROR {error}", flush=True)
        for note in self._set_aside(image):
            print(f"WARNING {note.at(image.name).line()}", flush=True)
        row = {name: None for name in overview.COLUMNS} | {
            "image": image.name,
            "status": "failed",
            "plane": "",
            "notes": str(error),
        }
        self._record(image, cast(ImageRow, row), None, [])
        self.failed += 1

    def _record(
        self, image: Image, row: ImageRow, picture: Thumbnail | None, files: list[Path]
    ) -> None:
        # A failed image has no identity and so is tried again in every run: the cause may be
        # outside its file.
        record: ImageRecord = {
            "identity": identity(image, self.version) if row["status"] == "ok" else "",
            "files": {path.relative_to(self.folder).as_posix(): sha256(path) for path in files},
            "row": row,
            "picture": picture,
        }
        write_text(self.record_file(image), json.dumps(record, allow_nan=False))


def _slices(scan: Scan, plane: str) -> Stack:
    """A scan as slices; a volume is cut in the given plane."""
    if scan.affine is None:
        return Stack(scan.voxels[None], scan.spacing_mm)
    slices = planes.cut(scan.voxels, scan.affine, plane)
    return Stack(slices, planes.spacing_in(scan.affine, plane))


def _unsliced(stack: np.ndarray, scan: Scan, plane: str) -> np.ndarray:
    """The inverse of `_slices`: an array of slices in the shape of scan.voxels."""
    if scan.affine is None:
        return stack[0]
    return planes.reassemble(stack, scan.affine, plane, scan.voxels.shape)


def _tumour_size(scan: Scan, stack: Stack, pixels: int) -> TumourSize:
    """The size of the mask: mm2 of a single slice, ml of a volume, None where unknown."""
    size: TumourSize = {"tumour_px": pixels, "tumour_mm2": None, "tumour_ml": None}
    if len(stack.slices) == 1:
        size["tumour_mm2"] = _defined(pixels * float(np.prod(stack.spacing_mm)))
    elif scan.affine is not None:
        size["tumour_ml"] = pixels * abs(float(np.linalg.det(scan.affine[:3, :3]))) / 1000
    return size


def _defined(value: float) -> float | None:
    """The number, or None for NaN, which JSON lacks."""
    return None if math.isnan(value) else value
