"""Files as people have them: what the data check says of each folder of ../shared/data/odd_files.

The folders were made by hand after public bug reports. Skipped where they are missing.
"""

from collections import Counter
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

import check
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table
from tumorseg.workflow.settings import load

ROOT = Path(__file__).parents[2]
ODD = ROOT.parent / "shared" / "data" / "odd_files"
# Folder -> how often the check reports each error and warning; empty: taken as it is.
EXPECTED: dict[str, dict[str, int]] = {
    "01_coco_other_patients_outline": {"error key_missing": 7, "warning plane_rare": 1},
    "03_coco_same_names_all": {},
    "04_coco_image_id_text": {},
    "05_coco_image_id_text_all": {},
    "07_coco_orphans": {"warning annotations_unlisted": 1},
    "08_sform_qform_flip": {"warning affine_differs": 16},
    "09_patient_zero_padding": {"error patient_similar": 8},
    "10_patient_separators": {"error patient_similar": 8},
    "11_patient_errors": {"error patient_missing": 6, "error patient_similar": 1},
    "12_all_negative": {"error tumour_absent": 1},
    "13_one_positive": {"error tumours_too_few": 1},
    "14_mask_0_50_255": {"error label_unknown": 8},
    "16_labels_int_keys": {},
    "17_nifti_qfac_zero": {"warning header_repaired": 8},
    "18_nifti_vox_offset_zero": {"warning header_repaired": 8},
    "20_labelme_rect4": {"warning mask_repeated": 1},  # made with one outline for all
    "21_labelme_beside_images": {},
    "22_names_nfd": {},
    "23_coco_stray_two_points": {"warning polygon_stray": 8},
    "24_rtstruct_stray_point": {"warning polygon_stray": 8},
    # Every file names the first image, and its brush stroke is cut off.
    "25_labelstudio_json": {"error key_missing": 7, "error rle_length": 1},
    "26_cvat_xml": {"error key_missing": 7, "warning plane_rare": 1, "warning tumour_in_air": 1},
    "27_coco_flat": {},
    "29_labelme_other_imagePath": {
        "warning annotation_other_image": 8,
        "warning mask_repeated": 1,
    },
    "30_table_trailing_rows": {},
    "31_table_blank_lines": {},
    "32_ct_padding_value": {"warning patient_shared_study": 7},
    "33_label_identity_affine": {"error grid_mismatch": 8},
    "35_segnrrd_layers": {},
    "36_mask_rgb_red": {"warning mask_colour": 8},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_odd_files_are_taken_rightly_or_named_with_their_fault(tmp_path, name):
    if not ODD.is_dir():
        pytest.skip("ODD FILES NOT TRIED: ../shared/data/odd_files is missing")
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    mine = yaml.safe_load((ODD / name / "mine.yaml").read_text(encoding="utf-8"))
    update_config(config, mine | {"data_dir": str(ODD / name / "data")})
    load(config, str(ROOT / "config.schema.yaml"))
    arguments = {
        "source": config["source"],
        "data_dir": config["data_dir"],
        "seed": 1,
        "fold_count": config["folds"]["count"],
        "strip_method": config["skull_strip"]["method"],
        "accept_harm": False,
        "experiment": name,
        "folder": str(tmp_path),
    }
    errors = any(fault.startswith("error") for fault in EXPECTED[name])
    if errors:
        with pytest.raises(UserError, match="slices read"):
            check.main(**arguments)
    else:
        check.main(**arguments)
    found = read_table(tmp_path / "check.tsv")
    assert Counter(found["severity"] + " " + found["code"]) == EXPECTED[name]


def test_every_folder_of_odd_files_has_an_expected_outcome():
    if not ODD.is_dir():
        pytest.skip("ODD FILES NOT TRIED: ../shared/data/odd_files is missing")
    assert {path.name for path in ODD.iterdir() if path.is_dir()} == set(EXPECTED)
