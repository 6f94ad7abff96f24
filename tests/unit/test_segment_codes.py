"""The codes of DICOM segments say what their class is, and nothing that its name does not say."""

import highdicom
import numpy as np
import pytest
from pydicom.sr.codedict import codes
from test_dicom_seg import a_mask, write_series

from tumorseg.imaging.scans import read
from tumorseg.prediction import native_files
from tumorseg.prediction.segment_codes import KNOWN, codes_of

ABNORMAL = ("49755003", "SCT", "Morphologically Abnormal Structure")
ANATOMY = ("91723000", "SCT", "Anatomical Structure")
TISSUE = ("85756007", "SCT", "Tissue")
NEOPLASM = (ABNORMAL, ("108369006", "SCT", "Neoplasm"))
LESION = (ABNORMAL, ("52988006", "SCT", "Lesion"))
EDEMA = (ABNORMAL, ("79654002", "SCT", "Edema"))
NECROSIS = (ABNORMAL, ("6574001", "SCT", "Necrosis"))
ENHANCING = (ABNORMAL, ("C113842", "NCIt", "Enhancing Lesion"))
NON_ENHANCING = (ABNORMAL, ("C81175", "NCIt", "Non-Enhancing Lesion"))
KIDNEY = (ANATOMY, ("64033007", "SCT", "Kidney"))
HIPPOCAMPUS = (ANATOMY, ("5366008", "SCT", "Hippocampus"))


def plain(code):
    return code.value, code.scheme_designator, code.meaning


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("tumour Tumor whole_tumour neoplasm tumour-core kidneyTumour TUMOR1 cancer", NEOPLASM),
        ("lesion liver_lesions", LESION),
        ("oedema edema peritumoural-oedema", EDEMA),
        ("necrosis necrotic_core NecroticTumour", NECROSIS),
        ("enhancing enhancing_tumour EnhancingTumour", ENHANCING),
        ("non-enhancing NonEnhancing_tumour nonenhancing", NON_ENHANCING),
        ("kidney Kidneys left_kidney", KIDNEY),
        ("liver", (ANATOMY, ("10200004", "SCT", "Liver"))),
        ("prostate", (ANATOMY, ("41216001", "SCT", "Prostate"))),
        ("hippocampus hippocampus_anterior posterior-hippocampus", HIPPOCAMPUS),
        ("whole core 7 delivery non_tumour kidney_without_tumour edema_and_tumour", (TISSUE,) * 2),
    ],
)
def test_a_segment_is_coded_by_the_words_of_its_classs_name(names, expected):
    for name in names.split():
        assert tuple(map(plain, codes_of(name))) == expected, name


def test_every_code_is_one_that_dicom_offers_for_its_category():
    offered = {plain(code) for code in (getattr(codes.cid7150, n) for n in codes.cid7150.dir())}
    groups = {ABNORMAL: codes.cid7159, ANATOMY: codes.cid7192}
    for _, category, kind in KNOWN:
        assert plain(category) in offered
        group = groups[plain(category)]
        assert plain(kind) in {plain(getattr(group, name)) for name in group.dir()}
    assert TISSUE in offered


def test_segments_carry_the_names_of_their_classes_and_what_they_are(tmp_path):
    scan = read(write_series(tmp_path / "scan"))
    masks = np.stack([a_mask(scan.voxels.shape)] * 3)
    names = ["kidney", "enhancing_tumour", "rim" + 70 * "x"]
    classes = [{"name": name, "label": n} for n, name in enumerate(names, 1)]
    files, notes = native_files.write(
        tmp_path / "out", scan, masks, masks.astype(np.uint16), classes, order=names
    )
    assert notes == []
    assert [path.name for path in files if "_mask" in path.name] == ["out_mask.dcm"]
    seg = highdicom.seg.segread(files[0])
    assert seg.SeriesDescription == "Segmentation, predicted: research use, not for diagnosis"
    found = list(seg.SegmentSequence)
    assert [one.SegmentLabel for one in found] == [*names[:2], names[2][:64]]
    assert [one.SegmentDescription for one in found] == names
    kinds = [one.SegmentedPropertyTypeCodeSequence[0].CodeValue for one in found]
    assert kinds == ["64033007", "C113842", "85756007"]


@pytest.mark.parametrize(
    ("classes", "name", "kind"),
    [((), "tumour", "Neoplasm"), ([{"name": "prostate", "label": 1}], "prostate", "Prostate")],
)
def test_one_class_is_called_by_its_name_and_without_one_a_tumour(tmp_path, classes, name, kind):
    scan = read(write_series(tmp_path / "scan"))
    mask = a_mask(scan.voxels.shape)
    files, _ = native_files.write(tmp_path / "out", scan, mask, mask.astype(np.uint16), classes)
    assert [path.name for path in files] == ["out_mask.dcm", "out_probability.nii.gz"]
    seg = highdicom.seg.segread(files[0])
    (segment,) = seg.SegmentSequence
    assert segment.SegmentLabel == name
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == kind
    assert seg.SeriesDescription.startswith("Tumour, predicted") == (name == "tumour")
