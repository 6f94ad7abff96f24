"""Writes a prediction in the geometry and, where possible, the file format of its image.

Pictures get PNG and LabelMe files, stacks of pictures ImageJ's TIFF; NIfTI, MHA and NRRD files of
the same format with the same header; DICOM gets a DICOM-SEG of the mask and a NIfTI file of the
probability. Masks hold 0 and 1 (pictures: 0 and 255), probabilities 0 to 1 (pictures: 16 bit,
value / 65535).
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import PIL.Image
import SimpleITK as sitk  # noqa: N813 - the library's customary name

from tumorseg.core.files import write_atomically, write_text
from tumorseg.core.images import write_mask, write_png
from tumorseg.core.problems import Problem, warning
from tumorseg.evaluation.probabilities import as_fraction
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.contours import labelme_content
from tumorseg.prediction.dicom_seg_file import reason_of, write_segmentation

Writer = Callable[[Path, np.ndarray], None]
LABELME_OPENS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
ITK = {".mha": ".mha", ".mhd": ".mha", ".nrrd": ".nrrd", ".nhdr": ".nrrd"}  # read -> written


def write(
    base: Path, scan: Scan, mask: np.ndarray, quantised: np.ndarray
) -> tuple[list[Path], list[Problem]]:
    """Writes <base>_mask.*, <base>_probability.* and, for a picture, <base>.json.

    mask (0/1) and quantised (uint16, probability * 65535) have the shape of scan.voxels. Returns
    the files, and a warning if the image's own format could not be written.
    """
    base.parent.mkdir(parents=True, exist_ok=True)
    if scan.uids:
        return _write_dicom(base, scan, mask, quantised)
    if scan.voxels.ndim == 2:
        return _write_picture(base, scan, mask, quantised), []
    if scan.affine is None:
        files = [_beside(base, "_mask.tif"), _beside(base, "_probability.tif")]
        for path, stack in zip(files, (mask * np.uint8(255), quantised), strict=True):
            _write_stack(path, stack)
        return files, []
    suffix, write_volume = _volume_writer(scan)
    return _write_volumes(base, suffix, write_volume, mask, quantised), []


def _write_picture(base: Path, scan: Scan, mask: np.ndarray, quantised: np.ndarray) -> list[Path]:
    files = [_beside(base, "_mask.png"), _beside(base, "_probability.png")]
    write_mask(files[0], mask)
    write_png(files[1], quantised)
    if scan.path.suffix.lower() in LABELME_OPENS:
        files.append(_beside(base, ".json"))
        picture = os.path.relpath(scan.path.resolve(), base.parent.resolve())
        write_text(
            files[-1], json.dumps(labelme_content(mask, Path(picture).as_posix()), indent=1) + "\n"
        )
    return files


def _write_stack(path: Path, stack: np.ndarray) -> None:
    """A stack (page, height, width) uint8 or uint16 as a TIFF of ImageJ."""
    first, *others = (PIL.Image.fromarray(page) for page in np.ascontiguousarray(stack))
    text = f"ImageJ=1.53t\nimages={len(stack)}\nslices={len(stack)}\n"
    tags = {"save_all": True, "append_images": others, "description": text}
    write_atomically(
        path, lambda place: first.save(place, "TIFF", compression="tiff_adobe_deflate", **tags)
    )


def _write_volumes(
    base: Path, suffix: str, write_volume: Writer, mask: np.ndarray, quantised: np.ndarray
) -> list[Path]:
    """Writes mask and probability as volumes.

    Args:
        base: path without ending.
        suffix: of both files.
        write_volume: writes an array to a path.
        mask: 0/1.
        quantised: probability * 65535.

    Returns:
        The two files.
    """
    files = [_beside(base, f"_mask{suffix}"), _beside(base, f"_probability{suffix}")]
    write_atomically(files[0], lambda path: write_volume(path, mask))
    probability = as_fraction(quantised, np.float32)
    write_atomically(files[1], lambda path: write_volume(path, probability))
    return files


def _write_dicom(
    base: Path, scan: Scan, mask: np.ndarray, quantised: np.ndarray
) -> tuple[list[Path], list[Problem]]:
    segmentation = _beside(base, "_mask.dcm")
    try:
        write_segmentation(segmentation, scan, mask.reshape(-1, *mask.shape[-2:]))
    except Exception as reason:  # highdicom requires more of a header than reading the image does
        problem = warning(
            "dicom_seg",
            f"no DICOM-SEG can be written for this image ({reason_of(reason)})",
            "a header with patient, study and the position of every slice",
            "the mask is written as NIfTI or PNG instead",
            str(scan.path),
        )
        if scan.affine is None and mask.ndim == 2:
            return _write_picture(base, scan, mask, quantised), [problem]
        files = _write_volumes(base, ".nii.gz", _nifti_writer(None, scan), mask, quantised)
        return files, [problem]
    if scan.affine is None and mask.ndim == 2:
        probability = _beside(base, "_probability.png")
        write_png(probability, quantised)
    else:
        probability = _beside(base, "_probability.nii.gz")
        write_nifti = _nifti_writer(None, scan)
        values = as_fraction(quantised, np.float32)
        write_atomically(probability, lambda path: write_nifti(path, values))
    return [segmentation, probability], []


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
