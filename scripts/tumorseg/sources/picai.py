"""Source: PI-CAI, MRI of the prostate with cancers outlined by experts (Saha et al. 2022).

<patient>/<patient>_<study>_{t2w,adc,hbv,cor,sag}.mha anywhere below data_dir (the archive has one
folder per fold), and the repository picai_labels, whose annotations have the grid of t2w. The
channel `gland` is the prostate's outline in picai_labels, drawn by a network.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tumorseg.core.cases import Entry, ImageFile
from tumorseg.core.problems import DataError, error
from tumorseg.data import source_files

SEQUENCES = ("t2w", "adc", "hbv", "cor", "sag")
GLAND = "gland"
GLANDS = Path("picai_labels", "anatomical_delineations", "whole_gland", "AI")
GLAND_FORMS = ("Bosma22b", "Guerbet23", "")  # "": in clones of 2022
# The experts' labels are ISUP grades (2 to 5), later ones 1; each means a significant cancer.
LABELS = {str(grade): "tumour" for grade in range(1, 6)}
EXPERTS = Path("picai_labels", "csPCa_lesion_delineations", "human_expert")
FORMS = ("resampled", "Pooch25")  # 1,295 studies, and 205 annotated in 2025
LAYOUT = "<patient>/<patient>_<study>_t2w.mha, and picai_labels/"


def entries(
    *,
    data_dir: str,
    sequence: str = "t2w",
    channels: list[str] | None = None,
    labels: dict[str, str] | None = None,
    **_: Any,
) -> Iterator[Entry | DataError]:
    """One volume per study; most have no cancer, so the experiment needs `negatives: true`.

    channels: several sequences, the first of which must be t2w, because the annotations have its
    grid, and the prostate (`gland`), to which a recipe may crop. Studies without any image are
    ignored, because the labels of all folds come together.
    """
    folder = source_files.data_folder(data_dir)
    wanted = channels or [sequence]
    source_files.check_sequences(wanted[:1], SEQUENCES)
    source_files.check_sequences(wanted, (*SEQUENCES, GLAND))
    if not (folder / EXPERTS).is_dir():
        hint = "clone the repository picai_labels into data_dir"
        raise error("annotations_missing", "no annotations", str(EXPERTS), hint, str(folder))
    studies = _entries(folder, wanted, labels or LABELS)
    yield from source_files.with_missing_files(studies, folder, LAYOUT)


def files(
    *, data_dir: str, sequence: str = "t2w", channels: list[str] | None = None, **_: Any
) -> list[Path]:
    """All volumes to be read."""
    wanted = channels or [sequence]
    return source_files.existing_files(_entries(Path(data_dir).expanduser(), wanted, LABELS))


def _entries(folder: Path, wanted: list[str], labels: dict[str, str]) -> Iterator[Entry]:
    places: dict[tuple[str, Path], None] = {}
    pattern = rf"\d+_\d+_(?:{'|'.join(SEQUENCES)})\.mha"
    for path in source_files.files_below(folder, pattern):
        places[path.name.rpartition("_")[0], path.parent] = None
    for study, place in places:
        image, *others = [_image(folder, place, study, sequence) for sequence in wanted]
        masks = [source_files.nifti(folder / EXPERTS / form / study) for form in FORMS]
        yield Entry(
            case=study,
            patient=study.split("_")[0],
            image=image,
            annotation=next((mask for mask in masks if mask.is_file()), masks[0]),
            origin=str(image),
            form="mask",
            labels=labels,
            further=tuple(map(ImageFile, others)),
        )


def _image(folder: Path, place: Path, study: str, sequence: str) -> Path:
    if sequence != GLAND:
        return place / f"{study}_{sequence}.mha"
    found = [source_files.nifti(folder / GLANDS / form / study) for form in GLAND_FORMS]
    return next((path for path in found if path.is_file()), found[0])
