"""Errors visible only across cases (duplicate pixels, too few tumours); they stop a run."""

import hashlib
from collections.abc import Iterable

import numpy as np

from tumorseg.core.cases import Case, patients_needed, tumours_needed
from tumorseg.core.names import comparable
from tumorseg.core.problems import Problem, warning
from tumorseg.data.reading import ReadEntry
from tumorseg.data.storing import every_class

MIXED = 1.25  # warn where pixel sizes differ by more than this factor


class Cohort:
    """Collects what was read, entry by entry; keeps a digest of each image, not the image.

    accepted: whether the user says that patients who seem to be one person are not. classes: names
    of several classes, the primary one first.
    """

    def __init__(self, accepted: bool = False, classes: Iterable[str] = ()) -> None:
        self.accepted = accepted
        self.with_class: dict[str, set[str]] = {name: set() for name in classes}  # patients
        self.patients: set[str] = set()
        self.with_tumour: set[str] = set()  # patients
        self.left_out = 0  # images of which no case is made, because they show no tumour
        self.has_errors = False
        self.names: set[str] = set()
        self.owners: dict[str, tuple[str, str]] = {}  # pixel digest -> patient and first case
        self.studies: dict[str, dict[str, str]] = {}  # DICOM study -> patient -> first case
        self.spacings: list[tuple[float, ...]] = []

    def add(self, item: ReadEntry) -> list[Problem]:
        """Adds the cases of an entry; returns what `add_slice` finds in them."""
        self.expect(item)
        row = item.entry.row if item.entry else 0
        self.left_out += bool(item.entry and not item.cases)
        problems: list[Problem] = []
        for case in item.cases:
            blank = case.image.min() == case.image.max()
            pixels = "" if blank else pixel_digest(case.image)
            tumour = bool(case.parts) if case.mask is None else bool(case.mask.any())
            self.count_classes(case)
            new = self.add_slice(case, pixels, tumour)
            name = item.entry.case if item.entry else case.case
            problems += [problem.at(case.origin, row, name) for problem in new]
        return problems

    def expect(self, item: ReadEntry) -> None:
        """Counts the patient, and a tumour, of an entry with errors: the user will fix them."""
        if any(problem.severity == "error" for problem in item.problems):
            self.has_errors = True
            self.patients |= {item.entry.patient} if item.entry else set()
            self.with_tumour |= {item.entry.patient} if item.entry else set()
            for patients in self.with_class.values():
                patients |= {item.entry.patient} if item.entry else set()

    def count_classes(self, case: Case) -> None:
        """Counts the patient for each class of which the case has something."""
        for patients, drawn in zip(self.with_class.values(), every_class(case), strict=False):
            if drawn.parts if drawn.mask is None else drawn.mask.any():
                patients.add(case.patient)

    def add_slice(self, slice_: Case, pixels: str, tumour: bool) -> list[Problem]:
        """Adds one slice; returns its problems.

        An error: its name was used before, or another patient has the same pixels or the same DICOM
        study. A warning: the same patient has the same pixels. pixels: the image's digest; empty
        for a blank image, because all blank images are alike. tumour: whether the slice has one.
        """
        case, patient = slice_.case, slice_.patient
        self.patients.add(patient)
        self.with_tumour |= {patient} if tumour else set()
        self.spacings.append(slice_.spacing_mm)
        problems = self._study_problems(slice_)
        # A slice of a volume may get the same name as a picture.
        if comparable(case) in self.names:
            value, hint = f"the name {case!r} is used by two cases", "rename one of them"
            problems.append(Problem("case_repeated", value, "a different name for each case", hint))
        self.names.add(comparable(case))
        owner, earlier = self.owners.setdefault(pixels, (patient, case)) if pixels else ("", "")
        same = f"has the same pixels as case {earlier} of patient"
        if owner == patient and earlier != case:
            value = f"case {case} {same} {owner}"
            problems.append(warning("image_repeated", value, "each image only once", "remove one"))
        elif owner not in ("", patient):
            value = f"case {case} of patient {patient} {same} {owner}"
            hint = "remove one, or name the same patient for both"
            expected = "different images for different patients"
            problems.append(Problem("patient_shared_image", value, expected, hint))
        return problems

    def _study_problems(self, slice_: Case) -> list[Problem]:
        """A study is one examination of one person; a warning for each further patient.

        No error, because some archives give one study to all that they made anonymous together.
        """
        if not slice_.study or self.accepted:
            return []
        cases = self.studies.setdefault(slice_.study, {})
        known = slice_.patient in cases
        cases.setdefault(slice_.patient, slice_.case)
        if known or len(cases) == 1:
            return []
        patient, case = next(iter(cases.items()))
        found = warning(
            "patient_shared_study",
            f"case {slice_.case} of patient {slice_.patient} is of the same DICOM study as case "
            f"{case} of patient {patient}",
            "one patient for each study, or a person's slices may be in different folds",
            "name the same patient for both; if an archive gave different persons one study, set "
            "source.patients_similar: accept",
        )
        return [found]

    def final_problems(self, fold_count: int, source_name: str) -> list[Problem]:
        """Problems of the data set, once all is read: too few patients or tumours, mixed pixels.

        fold_count: 0 for outside data, which are only tested.
        """
        problems = self._tumour_problems(fold_count, source_name)
        problems += self._class_problems(fold_count, source_name)
        needed = patients_needed(fold_count)
        # Where nothing could be read at all, its own errors have reported that already.
        if len(self.patients) < needed and (self.patients or not self.has_errors):
            problems.append(
                Problem(
                    "patients_too_few",
                    f"{len(self.patients)} patients",
                    f"at least {needed} for {fold_count} folds of training, validation and "
                    "test patients"
                    if fold_count
                    else f"at least {needed}, so that the results have an interval",
                    "add patients or lower folds.count" if fold_count else "add patients",
                    source_name,
                )
            )
        known = np.array([sides for sides in self.spacings if np.isfinite(sides).all()])
        unknown = len(self.spacings) - len(known)
        if len(known) and (unknown or (known.max(axis=0) > MIXED * known.min(axis=0)).any()):
            problems.append(
                warning(
                    "spacing_mixed",
                    f"pixels of {known.min():.3g} to {known.max():.3g} mm; {unknown} of "
                    f"{len(self.spacings)} slices without spacing",
                    "similar spacing in all slices",
                    "check that the spacings are right; distances in mm are not computed for "
                    "slices without spacing",
                    source_name,
                )
            )
        return problems

    def _tumour_problems(self, fold_count: int, source_name: str) -> list[Problem]:
        """Too few patients with a tumour: each fold needs one in training, one in validation."""
        found, all_of_them = len(self.with_tumour), len(self.patients)
        needed = tumours_needed(fold_count)
        if not all_of_them or found >= max(fold_count, needed):
            return []
        primary = next(iter(self.with_class), "")
        value = f"{found} of {all_of_them} patients have {primary or 'a tumour'}"
        hint = "add patients with a tumour"
        if not found:
            expected = "tumours to learn from" if fold_count else "tumours to find"
            hint = "check that the annotations are those of these images, and what `labels` says"
            return [Problem("tumour_absent", value, expected, hint, source_name)]
        if found < needed:
            expected = (
                f"at least {needed}, so that in each of {fold_count} folds one trains the network, "
                "one chooses its epoch and one tests it"
            )
            return [Problem("tumours_too_few", value, expected, hint, source_name)]
        expected = f"at least {fold_count}, so that each of {fold_count} folds can test with one"
        hint += " or lower folds.count; otherwise some folds have no tumour to test with"
        return [warning("tumours_rare", value, expected, hint, source_name)]

    def _class_problems(self, fold_count: int, source_name: str) -> list[Problem]:
        """Classes after the primary one, which is the tumour, that nobody has, or too few."""
        problems = []
        for name, patients in [*self.with_class.items()][1:]:
            found, all_of_them = len(patients), len(self.patients)
            value = f"class {name}: {found} of {all_of_them} patients have it"
            if not found and all_of_them:
                expected = "each class in the data"
                hint = "correct its labels under `classes`, or remove it"
                problems.append(Problem("class_absent", value, expected, hint, source_name))
            elif 0 < found < fold_count:
                expected = f"at least {fold_count}, so that each of {fold_count} folds tests it"
                hint = "add patients who have it, or interpret its results with care"
                problems.append(warning("class_rare", value, expected, hint, source_name))
        return problems


def pixel_digest(image: np.ndarray) -> str:
    """A digest of an image's pixels, data type and shape."""
    type_and_shape = f"{image.dtype.str} {image.shape}".encode()
    return hashlib.sha256(type_and_shape + np.ascontiguousarray(image).tobytes()).hexdigest()[:32]
