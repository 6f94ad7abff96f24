"""Writes a prediction in the geometry and, where possible, the file format of its image.

Pictures get PNG and LabelMe files, stacks of pictures ImageJ's TIFF; NIfTI, MHA and NRRD files of
the same format with the same header; DICOM gets a DICOM-SEG of the masks and a NIfTI file of the
probability. Masks hold 0 and 1 (pictures: 0 and 255), probabilities 0 to 1 (pictures: 16 bit,
value / 65535). Several classes get one probability each, and one label map together; where they may
overlap a mask each, and the label map besides where their labels allow it. A DICOM-SEG has a
segment for each.
"""

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

import nibabel as nib
import numpy as np
import PIL.Image
import SimpleITK as sitk  # noqa: N813 - the library's customary name

from tumorseg.core.files import write_atomically, write_text
from tumorseg.core.images import write_png
from tumorseg.core.problems import Problem, warning
from tumorseg.evaluation.probabilities import as_fraction
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.contours import labelme_content
from tumorseg.prediction.dicom_seg_file import reason_of, write_segmentation
from tumorseg.prediction.model_classes import label_map
from tumorseg.prediction.records import ModelClass

LABELME_OPENS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
ITK = {".mha": ".mha", ".mhd": ".mha", ".nrrd": ".nrrd", ".nhdr": ".nrrd"}  # read -> written


class Writer(Protocol):
    """Writes an array of the image's shape to a file."""

    def __call__(self, path: Path, array: np.ndarray) -> None: ...


class Result(NamedTuple):
    """What is written of one image.

    masks: name -> uint8 0/1 of the image's shape, one for each class. labels: the label map of the
    classes, where one can hold them. labelled: whether it stands for the masks, because no two
    overlap. maps: the name's ending -> uint16.
    """

    masks: dict[str, np.ndarray]
    labels: np.ndarray | None
    labelled: bool
    maps: dict[str, np.ndarray]

    def shown(self, full: int) -> dict[str, np.ndarray]:
        """Ending of the file's name -> what it holds; full: a mask's value inside."""
        labels = {} if self.labels is None else {"_mask": self.labels}
        if self.labelled:
            return labels
        named = self.masks.items()
        alone = len(self.masks) == 1
        masks = {"_mask" if alone else f"_mask_{n}": own * np.uint8(full) for n, own in named}
        return masks | labels


def write(
    base: Path,
    scan: Scan,
    masks: np.ndarray,
    maps: np.ndarray,
    classes: Sequence[ModelClass] = (),
    labelled: bool = False,
    order: Sequence[str] = (),
) -> tuple[list[Path], list[Problem]]:
    """Writes <base>_mask.*, <base>_probability.* and, for a picture, <base>.json.

    Args:
        base: the path without ending.
        scan: the image.
        masks: 0/1, of the shape of scan.voxels; with several classes (classes, ...).
        maps: uint16, probability * 65535, of the same shape.
        classes: one that has no name is a tumour; several are named in the files' names.
        labelled: whether no two of them overlap, so that one label map holds them all.
        order: of classes that may overlap, in which a label map is painted besides the masks;
            empty where there is none.

    Returns:
        The files, and a warning if the image's own format could not be written.
    """
    shape = -1, *scan.voxels.shape
    masks, maps = masks.reshape(shape), maps.reshape(shape)
    names = [one["name"] for one in classes] or ["tumour"]
    endings = [f"_{name}" for name in names] if len(names) > 1 else [""]
    result = Result(
        dict(zip(names, masks, strict=True)),
        label_map(masks, classes, order) if labelled or order else None,
        labelled,
        {f"_probability{end}": own for end, own in zip(endings, maps, strict=True)},
    )
    base.parent.mkdir(parents=True, exist_ok=True)
    if scan.uids:
        return _write_dicom(base, scan, result)
    if scan.voxels.ndim == 2:
        return _write_picture(base, scan, result), []
    if scan.affine is None:
        stacks = result.shown(255) | result.maps
        files = [_beside(base, f"{ending}.tif") for ending in stacks]
        for path, stack in zip(files, stacks.values(), strict=True):
            _write_stack(path, stack)
        return files, []
    suffix, write_volume = _volume_writer(scan)
    return _write_volumes(base, suffix, write_volume, result), []


def _write_picture(base: Path, scan: Scan, result: Result) -> list[Path]:
    files = []
    for ending, picture in (result.shown(255) | result.maps).items():
        files.append(_beside(base, f"{ending}.png"))
        write_png(files[-1], picture)
    if scan.path.suffix.lower() in LABELME_OPENS:
        files.append(_beside(base, ".json"))
        own = Path(os.path.relpath(scan.path.resolve(), base.parent.resolve())).as_posix()
        write_text(files[-1], json.dumps(labelme_content(result.masks, own), indent=1) + "\n")
    return files


def _write_stack(path: Path, stack: np.ndarray) -> None:
    """A stack (page, height, width) uint8 or uint16 as a TIFF of ImageJ."""
    first, *others = (PIL.Image.fromarray(page) for page in np.ascontiguousarray(stack))
    text = f"ImageJ=1.53t\nimages={len(stack)}\nslices={len(stack)}\n"
    tags = {"save_all": True, "append_images": others, "description": text}
    write_atomically(
        path, lambda place: first.save(place, "TIFF", compression="tiff_adobe_deflate", **tags)
    )


def _write_volumes(base: Path, suffix: str, write_volume: Writer, result: Result) -> list[Path]:
    """Writes masks and probabilities as volumes, each by `write_volume`; returns the files."""
    files = _write_each(base, suffix, write_volume, result.shown(1))
    return files + _write_probabilities(base, suffix, write_volume, result)


def _write_probabilities(
    base: Path, suffix: str, write_volume: Writer, result: Result
) -> list[Path]:
    files = []
    for ending, own in result.maps.items():  # one after another, because they are large
        fraction = {ending: as_fraction(own, np.float32)}
        files += _write_each(base, suffix, write_volume, fraction)
    return files


def _write_each(
    base: Path, suffix: str, write_volume: Writer, arrays: dict[str, np.ndarray]
) -> list[Path]:
    files = []
    for ending, array in arrays.items():
        files.append(_beside(base, ending + suffix))
        write_atomically(files[-1], partial(write_volume, array=array))
    return files


def _write_dicom(base: Path, scan: Scan, result: Result) -> tuple[list[Path], list[Problem]]:
    segmentation = _beside(base, "_mask.dcm")
    flat = scan.affine is None and scan.voxels.ndim == 2
    try:
        frames = -1, *scan.voxels.shape[-2:]
        masks = {name: mask.reshape(frames) for name, mask in result.masks.items()}
        write_segmentation(segmentation, scan, masks)
    except Exception as reason:  # highdicom requires more of a header than reading the image does
        problem = warning(
            "dicom_seg",
            f"no DICOM-SEG can be written for this image ({reason_of(reason)})",
            "a header with patient, study and the position of every slice",
            "the mask is written as NIfTI or PNG instead",
            str(scan.path),
        )
        if flat:
            return _write_picture(base, scan, result), [problem]
        return _write_volumes(base, ".nii.gz", _nifti_writer(None, scan), result), [problem]
    if not flat:
        writer = _nifti_writer(None, scan)
        return [segmentation, *_write_probabilities(base, ".nii.gz", writer, result)], []
    files = [segmentation]
    for ending, own in result.maps.items():
        files.append(_beside(base, f"{ending}.png"))
        write_png(files[-1], own)
    return files, []


def _beside(base: Path, ending: str) -> Path:
    return base.with_name(base.name + ending)


def _volume_writer(scan: Scan) -> tuple[str, Writer]:
    """The suffix and the writer of the volume's own file format."""
    suffix = ITK.get(scan.path.suffix.lower())
    try:
        if suffix:
            return suffix, _itk_writer(scan.path)
        return ".nii.gz", _nifti_writer(nib.load(scan.path), scan)
    except Exception:  # another suffix than the content's, or a header that was repaired
        return ".nii.gz", _nifti_writer(None, scan)


def _nifti_writer(like: nib.filebasedimages.FileBasedImage | None, scan: Scan) -> Writer:
    """Writes NIfTI with the header of `like` (sform, qform, units), or with the scan's affine."""

    def write(path: Path, array: np.ndarray) -> None:
        if isinstance(like, nib.Nifti1Image):
            header = like.header.copy()
            header.set_data_dtype(array.dtype)
            header.set_slope_inter(1, 0)
            header["cal_max"] = header["cal_min"] = 0
            image = type(like)(array, like.affine, header)
        else:
            volume = array if array.ndim == 3 else array[None]
            image = nib.Nifti1Image(volume, np.eye(4) if scan.affine is None else scan.affine)
            image.header.set_xyzt_units("mm")
        nib.save(image, path)

    return write


def _itk_writer(source: Path) -> Writer:
    """Writes MHA or NRRD with the spacing, origin and direction of `source`, compressed."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(source))
    reader.ReadImageInformation()
    shape = reader.GetSize()[::-1]

    def write(path: Path, array: np.ndarray) -> None:
        image = sitk.GetImageFromArray(np.ascontiguousarray(array.T).reshape(shape))
        image.SetSpacing(reader.GetSpacing())
        image.SetOrigin(reader.GetOrigin())
        image.SetDirection(reader.GetDirection())
        sitk.WriteImage(image, str(path), useCompression=True)

    return write
