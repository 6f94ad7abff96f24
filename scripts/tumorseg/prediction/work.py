"""Predicts images one after another and writes their results; finished images are skipped.

Each image has a record in `.records/`. It is skipped as long as model, image and code are unchanged
and its result files exist. Results that someone has changed are never overwritten.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np

from tumorseg.core.digests import files_digest, sha256
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_text
from tumorseg.core.problems import DataError, Problem, error, warning
from tumorseg.imaging import scans
from tumorseg.imaging.scans import Scan
from tumorseg.prediction import channel_files, native_files, overview
from tumorseg.prediction.earlier_results import set_aside
from tumorseg.prediction.mean_of_members import (
    SLICES,
    Members,
    Prediction,
    Stack,
    predict,
    takes_volumes,
)
from tumorseg.prediction.model_channels import Channels
from tumorseg.prediction.model_classes import classes_of, is_exclusive
from tumorseg.prediction.new_images import Image
from tumorseg.prediction.records import ImageRecord, ImageRow, ModelFacts, Thumbnail
from tumorseg.prediction.stacks import (
    defined,
    has_slices,
    plane_of,
    stack_of,
    tumour_size,
    unstacked,
)

Waiting = tuple[Image, Scan, list[Scan]]  # an image, its first channel, the others
TOGETHER_PX = 2**24  # pixels of the pictures that are predicted at a time


def identity(image: Image, version: str) -> str:
    """A text that changes with `version` and with sizes and times of the image's files."""
    paths = dict.fromkeys([image.path, *(file.path for file in image.files)])
    return f"{version} {files_digest(paths, image.path.parent)}"


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
        waiting: list[Waiting] = []
        for image in images:
            if self.is_up_to_date(image):
                self.kept += 1
                continue
            try:
                scan, further = self._read(image)
            except UserError as wrong:
                self._fail(image, wrong)
                continue
            if scan.voxels.ndim == 3:
                self._predict_one(image, scan, further)
                continue
            waiting.append((image, scan, further))
            if len(waiting) == SLICES or sum(s.voxels.size for _, s, _ in waiting) > TOGETHER_PX:
                self._predict(waiting)
                waiting = []
        self._predict(waiting)

    def _predict_one(self, image: Image, scan: Scan, further: list[Scan]) -> None:
        try:
            self._predict([(image, scan, further)])
        except DataError as wrong:  # a volume that cannot be prepared
            self._fail(image, wrong)

    def _read(self, image: Image) -> tuple[Scan, list[Scan]]:
        """The scan of the first channel, and the others that the model needs."""
        if image.files:
            scan, further = channel_files.read(image.files, Channels.of(self.facts))
        else:
            scan, further = self._read_one(image.path), []
        if takes_volumes(self.facts) and scan.affine is None:
            expected = "a volume, on which the model was trained"
            hint = "save the whole volume as one file, such as NIfTI"
            raise error("volume_needed", "a picture, or a stack of pictures", expected, hint)
        return scan, further

    def _read_one(self, path: Path) -> Scan:
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

    def _predict(self, batch: list[Waiting]) -> None:
        if not batch:
            return
        if self.members is None:
            self.members = self.make_members()
        planes = [plane_of(scan, self.facts["planes"]) for _, scan, _ in batch]
        stacks = [
            stack_of(scan, further, plane)
            for (_, scan, further), plane in zip(batch, planes, strict=True)
        ]
        predictions = predict(self.members, stacks, self.facts)
        for (image, scan, _), plane, stack, found in zip(
            batch, planes, stacks, predictions, strict=True
        ):
            self._write(image, scan, plane, stack, found)

    def _write(
        self, image: Image, scan: Scan, plane: str, stack: Stack, prediction: Prediction
    ) -> None:
        masks, maps = (unstacked(own, scan, plane) for own in (prediction.masks, prediction.maps))
        notes = [*scan.notes, *self._plane_warning(scan, plane), *self._set_aside(image)]
        base, classes = self.folder / image.stem, classes_of(self.facts)
        labelled, order = is_exclusive(self.facts), self.facts.get("label_order", [])
        files, warnings = native_files.write(base, scan, masks, maps, classes, labelled, order)
        notes += warnings
        rows, sizes = [], []
        for number, own in enumerate(classes):
            pixels = int(prediction.masks[number].sum(dtype=np.int64))
            agreement = prediction.spread, prediction.members_dice
            spread, dice = map(defined, agreement) if number == 0 else (None, None)
            row = {
                "image": image.name,
                **({"class": own["name"]} if "classes" in self.facts else {}),
                "status": "ok",
                "plane": plane,
                "slices": len(stack.slices),
                "height_px": stack.slices.shape[1],
                "width_px": stack.slices.shape[2],
                **tumour_size(scan, stack, pixels),
                "spread": spread,
                "members_dice": dice,
                "notes": "; ".join(note.line() for note in notes),
            }
            rows.append(cast(ImageRow, row))
            sizes.append(f"{pixels} px of {own['name']}")
        for note in notes:
            print(f"WARNING {note.at(image.name).line()}", flush=True)
        picture = overview.thumbnail(stack.slices, prediction.masks)
        self._record(image, rows, picture, files)
        self.done += 1
        print(f"{image.name}: {', '.join(sizes)}", flush=True)

    def _plane_warning(self, scan: Scan, plane: str) -> list[Problem]:
        acquired, trained = scans.acquisition_plane(scan), ", ".join(self.facts["planes"])
        if acquired in ("", *self.facts["planes"]):
            return []
        if takes_volumes(self.facts) and plane != acquired and not has_slices(scan):
            return []  # the order of a volume's axes, which changes nothing
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

    def _fail(self, image: Image, wrong: UserError) -> None:
        wrong = wrong.at(image.name) if isinstance(wrong, DataError) else wrong
        print(f"ERROR {wrong}", flush=True)
        for note in self._set_aside(image):
            print(f"WARNING {note.at(image.name).line()}", flush=True)
        row = {name: None for name in overview.columns(self.facts)} | {
            "image": image.name,
            "status": "failed",
            "plane": "",
            "notes": str(wrong),
        }
        self._record(image, [cast(ImageRow, row)], None, [])
        self.failed += 1

    def _record(
        self, image: Image, rows: list[ImageRow], picture: Thumbnail | None, files: list[Path]
    ) -> None:
        # A failed image has no identity and so is tried again in every run: the cause may be
        # outside its file.
        record: ImageRecord = {
            "identity": identity(image, self.version) if rows[0]["status"] == "ok" else "",
            "files": {path.relative_to(self.folder).as_posix(): sha256(path) for path in files},
            "rows": rows,
            "picture": picture,
        }
        write_text(self.record_file(image), json.dumps(record, allow_nan=False))
