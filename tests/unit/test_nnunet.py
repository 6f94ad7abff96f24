"""The source nnunet: what it reads of dataset.json, and one line for everything that is wrong."""

import json
import shutil
from pathlib import Path

import layouts
import numpy as np
import pytest
import yaml
from PIL import Image

from tumorseg.core.cases import Entry
from tumorseg.core.errors import UserError
from tumorseg.core.problems import DataError
from tumorseg.data import reading
from tumorseg.sources import nnunet
from tumorseg.workflow import dataset_defaults

BOTH = {"PZ": "tumour", "TZ": "tumour"}
GOOD = {"kind": "nnunet", "sequence": 0, "labels": BOTH}
EXPERIMENTS = Path(__file__).parents[2] / "experiments"
REAL = Path(__file__).parents[3] / "shared" / "data" / "msd_hippocampus"


@pytest.fixture
def prostate(tmp_path):
    """A data set in the layout of nnU-Net 2, two cases of two channels."""
    layouts.nnunet_2(tmp_path)
    return tmp_path / "Dataset005_Prostate"


@pytest.fixture
def listing(tmp_path):
    """A data set in the layout of nnU-Net 1, whose dataset.json lists its two cases."""
    layouts.nnunet_1(tmp_path)
    return tmp_path / "nnUNet_raw_data" / "Task005_Prostate"


def change(folder, **parts):
    """Changes parts of dataset.json; None removes one."""
    path = folder / "dataset.json"
    content = json.loads(path.read_text(encoding="utf-8")) | parts
    layouts.write_dataset_json(folder, {k: v for k, v in content.items() if v is not None})


def _listed(source, folder):
    """The valid entries of a source, and all problems of its list."""
    found = reading.listed(source, folder)
    return found.entries, [*found.problems, *(f for _, faults in found.faulty for f in faults)]


def listed(folder, **options):
    """The names of the cases, and the problems of the list."""
    entries, problems = _listed(GOOD | options, str(folder))
    return [entry.case for entry in entries], problems


def lines(folder, **options):
    return [f"{p.severity}: {p.line()}" for p in listed(folder, **options)[1]]


def codes(folder, **options):
    return [(p.severity, p.code) for p in listed(folder, **options)[1]]


def test_good_data_sets_of_both_versions_have_no_problem(prostate, listing):
    for folder in (prostate, listing):
        assert listed(folder) == (["prostate_04", "prostate_16"], [])


def test_every_fault_of_a_data_set_is_told_in_one_go(prostate):
    (prostate / "labelsTr" / "prostate_16.nii.gz").rename(prostate / "labelsTr" / "other.nii.gz")
    cases, problems = listed(prostate, sequence="CT", labels={"PZ": "tumour"})
    assert cases == []
    assert [problem.code for problem in problems] == [
        *("sequence_unknown", "label_unknown", "case_count", "image_missing", "annotation_missing")
    ]


@pytest.mark.parametrize("part, fault", [("imagesTr", "image"), ("labelsTr", "annotation")])
def test_a_case_without_image_or_without_label_is_one_error_that_names_it(prostate, part, fault):
    name = "prostate_16_0000.nii.gz" if fault == "image" else "prostate_16.nii.gz"
    (prostate / part / name).unlink()
    if fault == "image":
        (prostate / part / "prostate_16_0001.nii.gz").unlink()
    cases, (problem,) = listed(prostate)
    assert cases == ["prostate_04"]
    assert problem.line() == (
        f"{prostate / part / name}: case prostate_16 has no {fault}; expected the file {name}; "
        f"copy it there, or name the case in source.exclude [{fault}_missing]"
    )


def test_a_listed_case_without_files_is_one_error(listing):
    content = json.loads((listing / "dataset.json").read_text(encoding="utf-8"))
    more = {"image": "./imagesTr/prostate_99.nii.gz", "label": "./labelsTr/prostate_99.nii.gz"}
    change(listing, training=[*content["training"], more], numTraining=3)
    cases, (problem,) = listed(listing)
    assert cases == ["prostate_04", "prostate_16"]
    assert (problem.severity, problem.code) == ("error", "image_missing")
    assert "case prostate_99 has no image and no annotation; expected the file" in problem.line()


def test_what_the_list_leaves_out_is_left_out_with_a_warning_for_each_incomplete_case(listing):
    for case, seed in (("a", 3), ("b", 4), ("c", 5)):
        layouts.write_nifti(listing / "imagesTr" / f"{case}_0000.nii.gz", layouts.values(seed))
        layouts.write_nifti(listing / "labelsTr" / f"{case}.nii.gz", layouts.labels(1))
    (listing / "labelsTr" / "a.nii.gz").unlink()
    (listing / "imagesTr" / "b_0000.nii.gz").unlink()
    assert listed(listing)[0] == ["prostate_04", "prostate_16"]
    told = lines(listing)
    assert len(told) == 3
    assert (
        "warning" in told[0] and "case a, which dataset.json does not list, has no ann" in told[0]
    )
    assert f"{listing / 'labelsTr' / 'b.nii.gz'}: case b, which dataset.json does" in told[1]
    assert "has no image; expected" in told[1]
    assert "cases that dataset.json does not list: 1, the first is c" in told[2]


def test_a_number_of_cases_that_differs_is_a_warning_with_both(prostate):
    change(prostate, numTraining=5)
    (line,) = lines(prostate)
    assert line.startswith("warning: ")
    assert "numTraining is 5, but there are 2 cases" in line


def test_a_channel_that_is_missing_for_a_case_is_an_error_only_if_it_is_read(prostate):
    (prostate / "imagesTr" / "prostate_16_0001.nii.gz").unlink()
    assert codes(prostate, sequence=1) == [("error", "image_missing")]
    (line,) = lines(prostate, sequence=0)
    assert "warning" in line
    assert "cases without channel 1: 1, the first is prostate_16" in line


def test_a_channel_that_dataset_json_does_not_name_is_a_warning(prostate):
    for name in ("prostate_16_0002.nii.gz", "notes.nii.gz"):
        layouts.write_nifti(prostate / "imagesTr" / name, layouts.values(9))
    (line,) = lines(prostate)
    assert "2 ignored, the first is notes.nii.gz; expected names that end in _0000 to _0001" in line


def test_another_file_ending_than_stated_is_read_with_a_warning(prostate):
    change(prostate, file_ending=".mha")
    cases, problems = listed(prostate)
    assert cases == ["prostate_04", "prostate_16"]
    assert [problem.code for problem in problems] == ["file_ending"] * 2
    assert "files that end in .nii.gz are read; correct file_ending" in problems[0].line()


def test_files_of_a_second_kind_are_counted_in_a_warning(prostate):
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(prostate / "imagesTr" / "overview.png")
    (line,) = lines(prostate)
    assert "1 ignored, the first is overview.png; expected files that end in .nii.gz" in line


def test_decompressed_files_among_compressed_ones_are_read(prostate):
    for path in sorted(prostate.rglob("prostate_16*.nii.gz")):
        volume = layouts.nib.load(path)
        layouts.nib.save(volume, path.with_name(path.name.removesuffix(".gz")))
        path.unlink()
    assert listed(prostate) == (["prostate_04", "prostate_16"], [])


def test_a_label_in_the_files_that_dataset_json_does_not_name_is_an_error(prostate):
    layouts.write_nifti(
        prostate / "labelsTr" / "prostate_16.nii.gz", layouts.labels(1, 7), np.eye(4)
    )
    entries, _ = _listed(GOOD, str(prostate))
    cases, (problem,) = reading.cases_of(entries[1], GOOD)
    assert cases == []
    assert "label 7; expected one of '1', '2'" in problem.line()


def test_a_label_that_dataset_json_lacks_can_be_given_in_the_config(prostate):
    path = prostate / "labelsTr" / "prostate_16.nii.gz"
    layouts.write_nifti(path, layouts.labels(1, 7), np.eye(4))
    source = GOOD | {"labels": BOTH | {"7": "background"}}
    entries, problems = _listed(source, str(prostate))
    cases, more = reading.cases_of(entries[1], source)
    assert [*problems, *more] == []
    assert [int(case.mask.sum()) for case in cases] == [12, 12]


DAMAGED = {
    "missing": (None, "no such file"),
    "empty": ("", "empty"),
    "cut off": ('{"labels": {"background"', "not JSON from line 1, column 25"),
    "a list": ("[]", "no JSON object"),
    "not text": (b"\xff\xfe\x00\xd8", "not JSON"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_missing_or_damaged_dataset_json_is_one_line_that_names_it(prostate, name):
    content, fault = DAMAGED[name]
    path = prostate / "dataset.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    (line,) = lines(prostate)
    assert line.startswith(f"error: {path}: {fault}")
    assert line.endswith("[dataset_json]")


def test_a_damaged_dataset_json_does_not_hide_what_is_wrong_with_the_files(prostate):
    (prostate / "dataset.json").unlink()
    (prostate / "labelsTr" / "prostate_16.nii.gz").unlink()
    assert codes(prostate) == [("error", "dataset_json"), ("error", "annotation_missing")]


ODD = {
    "channel_names": [None, {}, {"1": "T2"}, {"first": "T2"}, ["T2"], 3],
    "labels": [None, {}, {"background": 0}, {"PZ": "one"}, {"PZ": 1.5}, {"PZ": [1, None]}, [1]],
    "file_ending": [3, "nii.gz"],
    "training": [
        *("prostate", [{"image": "./imagesTr/a.nii.gz"}], [3]),
        [{"image": "a.nii", "label": "a.nii"}, {"image": "a.nii", "label": "b.nii"}],
    ],
    "dataset": [[1], {"a": {"images": 3, "label": "x"}}, {"a": {"label": "x"}}],
    "numTraining": ["many", [2]],
}


@pytest.mark.parametrize("part, value", [(part, v) for part, many in ODD.items() for v in many])
def test_an_odd_part_of_dataset_json_is_an_error_that_names_the_part(prostate, part, value):
    change(prostate, **{part: value})
    errors = [line for line in lines(prostate) if line.startswith("error")]
    assert len(errors) == 1
    assert f"dataset.json: {part}" in errors[0]
    assert "Error" not in errors[0]


def test_one_label_needs_no_word(prostate):
    change(prostate, labels={"background": 0, "PZ": 1})
    assert lines(prostate, labels=None) == []


def test_pixels_to_ignore_count_as_background_with_a_warning(tmp_path):
    layouts.nnunet_regions(tmp_path)
    (line,) = lines(tmp_path, labels={"whole_tumor": "tumour"})
    assert "label ignore counts as background" in line
    entries, _ = _listed(GOOD | {"labels": {"whole_tumor": "tumour"}}, str(tmp_path))
    assert entries[0].labels == {str(n): "tumour" for n in (1, 2, 3)} | {"4": "background"}


def test_without_choice_regions_are_united_and_pixels_to_ignore_are_not(tmp_path):
    layouts.nnunet_regions(tmp_path)
    entries, problems = _listed({"kind": "nnunet"}, str(tmp_path))
    assert [problem.code for problem in problems] == ["label_ignore"]
    assert entries[0].labels == {str(n): "tumour" for n in (1, 2, 3)} | {"4": "background"}


def test_a_choice_of_labels_must_fit_dataset_json(prostate):
    (line,) = lines(prostate, labels={"PZ": "tumour"})
    assert "label 'TZ' of dataset.json is not in source.labels" in line
    (line,) = lines(prostate, labels={**BOTH, "Tz": "tumour"})
    assert "source.labels has 'Tz'; expected a label of dataset.json: 'PZ', 'TZ'" in line
    (line,) = lines(prostate, labels={**BOTH, "2": "background"})
    assert "source.labels makes label 2 tumour and background" in line


def test_a_label_may_be_given_by_its_number_also_without_quotes(prostate):
    assert lines(prostate, labels={1: "tumour", "TZ": "background"}) == []


@pytest.mark.parametrize("sequence", ["ADC", "adc", "1", 1])
def test_a_channel_is_chosen_by_name_or_number(prostate, sequence):
    entries, problems = _listed(GOOD | {"sequence": sequence}, str(prostate))
    assert entries[0].image.name == "prostate_04_0001.nii.gz"
    assert (entries[0].channel, entries[0].channel_inside) == (1, False)
    (case, *_), faults = reading.cases_of(entries[0], GOOD)
    assert (case.channel, faults, problems) == (1, [], [])


@pytest.mark.parametrize("sequence", ["CT", 2, "-1"])
def test_an_unknown_channel_is_an_error_that_lists_the_known_ones(prostate, sequence):
    (line,) = lines(prostate, sequence=sequence)
    assert f"sequence {sequence!r}; expected 0 ('T2'), 1 ('ADC')" in line


def test_a_name_of_two_channels_needs_the_number(prostate):
    change(prostate, channel_names={"0": "noNorm", "1": "noNorm"})
    (line,) = lines(prostate, sequence="nonorm")
    assert "the name of 2 channels" in line
    assert lines(prostate, sequence=1) == []


def test_a_pattern_names_the_patient_and_must_match_every_case(prostate):
    entries, _ = _listed(GOOD | {"patient_pattern": "_(1.)"}, str(prostate))
    assert [(entry.case, entry.patient) for entry in entries] == [("prostate_16", "16")]
    (line,) = lines(prostate, patient_pattern="_(1.)")
    assert "prostate_04_0000.nii.gz" in line and "[patient_missing]" in line
    left_out = {"patient_pattern": "_(1.)", "exclude": ["prostate_04"]}
    assert listed(prostate, **left_out) == (["prostate_16"], [])
    (line,) = lines(prostate, patient_pattern="_1")
    assert "[patient_pattern]" in line


def test_the_data_set_is_found_below_the_folder_and_must_be_the_only_one(prostate):
    assert len(listed(prostate.parent)[0]) == 2
    shutil.copytree(prostate, prostate.parent / "Dataset006_Lung")
    (line,) = lines(prostate.parent)
    assert "2 data sets: Dataset005_Prostate, Dataset006_Lung; expected one" in line
    assert nnunet.files(data_dir=str(prostate.parent)) == []


def test_a_missing_folder_is_one_line_and_not_one_for_each_case(prostate):
    shutil.rmtree(prostate / "labelsTr")
    (line,) = lines(prostate)
    assert "no folder labelsTr" in line


@pytest.mark.parametrize("ending", ["_0000.nii.gz", ".nii.gz"])
def test_without_any_label_every_image_is_named_in_either_layout(tmp_path, ending):
    (tmp_path / "labelsTr").mkdir()
    for case in ("a", "p_0001"):
        layouts.write_nifti(tmp_path / "imagesTr" / f"{case}{ending}", layouts.values(1))
    about = {"modality": {"0": "CT"}, "labels": {"0": "background", "1": "x"}}
    layouts.write_dataset_json(tmp_path, about)
    _, problems = listed(tmp_path, labels=None)
    assert [p.value for p in problems] == [f"case {c} has no annotation" for c in ("a", "p_0001")]


def test_folders_without_cases_are_an_error(prostate):
    for path in prostate.rglob("*.nii.gz"):
        path.unlink()
    assert codes(prostate) == [("warning", "case_count"), ("error", "source_empty")]


def test_a_case_whose_own_name_ends_in_four_digits_keeps_it(tmp_path):
    """Decathlon: case p_0001 is no channel 1 of p. nnU-Net: p_0000 may be a case, too."""
    for case in ("p_0001", "p_0002"):
        layouts.write_nifti(tmp_path / "imagesTr" / f"{case}.nii.gz", layouts.values(1))
        layouts.write_nifti(tmp_path / "labelsTr" / f"{case}.nii.gz", layouts.labels(1))
    about = {"modality": {"0": "CT"}, "labels": {"0": "background", "1": "x"}, "numTraining": 2}
    layouts.write_dataset_json(tmp_path, about)
    options = {"labels": None, "sequence": None}
    assert listed(tmp_path, **options) == (["p_0001", "p_0002"], [])
    for path in sorted((tmp_path / "imagesTr").iterdir()):
        path.rename(path.with_name(path.name.replace(".nii", "_0000.nii")))
    assert listed(tmp_path, **options) == (["p_0001", "p_0002"], [])
    layouts.write_nifti(tmp_path / "imagesTr" / "p_0000.nii.gz", layouts.values(1))
    layouts.write_nifti(tmp_path / "labelsTr" / "p.nii.gz", layouts.labels(1))
    change(tmp_path, numTraining=3)
    assert listed(tmp_path, **options) == (["p", "p_0001", "p_0002"], [])


def test_a_list_that_pairs_images_with_labels_of_other_names_is_followed(tmp_path):
    """As in the lists of MONAI's users: img0001 belongs to label0001."""
    training = []
    for number in (1, 2):
        image, label = f"imagesTr/img{number:04d}.nii.gz", f"labelsTr/label{number:04d}.nii.gz"
        layouts.write_nifti(tmp_path / image, layouts.values(number))
        layouts.write_nifti(tmp_path / label, layouts.labels(1))
        training.append({"image": image, "label": label})
    about = {"modality": {"0": "CT"}, "labels": {"0": "background", "1": "x"}}
    layouts.write_dataset_json(tmp_path, about | {"numTraining": 2, "training": training})
    entries, problems = _listed({"kind": "nnunet"}, str(tmp_path))
    assert [entry.annotation.name[:9] for entry in entries] == ["label0001", "label0002"]
    assert not problems


def test_each_channel_of_a_colour_picture_is_an_image(tmp_path):
    layouts.nnunet_pictures(tmp_path)
    colours = (layouts.values(0, (32, 32, 3)) % 256).astype(np.uint8)
    for number, name in enumerate("RGB"):
        options = {"kind": "nnunet", "sequence": name, "plane": "axial"}
        entries, _ = _listed(options, str(tmp_path))
        (case,), _ = reading.cases_of(entries[0], {})
        assert np.array_equal(case.image, colours[..., number])


def test_a_picture_needs_a_plane(tmp_path):
    layouts.nnunet_pictures(tmp_path)
    entries, _ = _listed({"kind": "nnunet", "sequence": 0}, str(tmp_path))
    _, (problem,) = reading.cases_of(entries[0], {})
    assert problem.code == "plane_missing"


def test_paths_of_dataset_json_may_not_leave_the_folder(tmp_path):
    layouts.nnunet_paths(tmp_path / "inside")
    (tmp_path / "inside" / "scans").rename(tmp_path / "scans")
    text = (tmp_path / "inside" / "dataset.json").read_text(encoding="utf-8")
    (tmp_path / "inside" / "dataset.json").write_text(text.replace("scans/", "../scans/"))
    cases, problems = listed(tmp_path / "inside", labels=None)
    assert cases == []
    assert {problem.code for problem in problems} == {"path_link"}


def test_a_case_of_dataset_json_with_too_few_paths_is_an_error(tmp_path):
    layouts.nnunet_paths(tmp_path)
    change(tmp_path, channel_names={"0": "T2", "1": "ADC"})
    told = lines(tmp_path, labels=None, sequence="ADC")
    assert len(told) == 2
    assert "case prostate_04 has 1 images; expected channel 1 as well" in told[0]
    both = ["prostate_04", "prostate_16"]
    assert listed(tmp_path, labels=None, sequence="ADC", exclude=both) == ([], [])


def test_files_are_dataset_json_and_what_is_read_and_nothing_of_the_test_set(prostate):
    names = {path.name for path in nnunet.files(data_dir=str(prostate), sequence="ADC")}
    cases = ("prostate_04", "prostate_16")
    expected = {f"{case}_0001.nii.gz" for case in cases} | {f"{case}.nii.gz" for case in cases}
    assert names == expected | {"dataset.json"}


def source_of(experiment):
    return yaml.safe_load((EXPERIMENTS / f"{experiment}.yaml").read_text(encoding="utf-8"))[
        "source"
    ]


def test_the_experiment_on_the_decathlons_brain_tumours_reads_their_layout(tmp_path):
    layouts.msd_brain(tmp_path)
    source = source_of("msd_brain")
    entries, problems = _listed(source, str(tmp_path))
    assert ([entry.case for entry in entries], problems) == (["BRATS_001", "BRATS_457"], [])
    cases, problems = reading.cases_of(entries[0], source)
    assert (len(cases), problems) == (2, [])


@pytest.mark.skipif(not REAL.is_dir(), reason="HIPPOCAMPUS NOT READ: no msd_hippocampus in shared/")
def test_the_experiment_on_the_decathlons_hippocampus_reads_it_as_published():
    config = {"source": source_of("msd_hippocampus"), "data_dir": str(REAL)}
    config |= {"overlapping": True, "primary_class": ""}
    dataset_defaults.fill(config)
    assert list(config["classes"]) == ["Anterior", "Posterior"]
    source = config["source"] | {"classes": config["classes"]}
    entries, problems = _listed(source, str(REAL))
    assert (len(entries), problems) == (40, [])
    for entry in entries[::13]:
        cases, problems = reading.cases_of(entry, source)
        labels = np.asarray(layouts.nib.load(entry.annotation).dataobj)
        assert (len(cases), problems) == (labels.shape[1], [])
        for case in cases:
            number = int(case.case.rpartition("-")[2])
            drawn = labels[::-1, -1 - number, ::-1].T  # from the front
            masks = (case.mask, *(drawn_class.mask for drawn_class in case.other_classes))
            for label, mask in enumerate(masks, 1):
                assert np.array_equal(mask, drawn == label)


def test_an_entry_is_never_both_listed_and_a_problem(prostate):
    (prostate / "labelsTr" / "prostate_16.nii.gz").unlink()
    items = list(nnunet.entries(data_dir=str(prostate), sequence=0, labels=BOTH))
    assert [type(item) for item in items] == [Entry, DataError]


def completed(folder, **given):
    """What the config is completed to by dataset.json: channels, classes, overlapping, primary."""
    config = {"source": {"kind": "nnunet"}, "data_dir": str(folder), "overlapping": False} | given
    config |= {"primary_class": ""}
    dataset_defaults.fill(config)
    classes = config.get("classes")
    return config["source"].get("channels"), classes, config["overlapping"], config["primary_class"]


def test_channels_and_labels_of_dataset_json_need_not_be_written_again(prostate, listing):
    for folder in (prostate, listing, prostate.parent):
        classes = {"PZ": ["1"], "TZ": ["2"]}
        assert completed(folder) == (["T2", "ADC"], classes, False, "mean")


def test_regions_of_dataset_json_become_overlapping_classes(tmp_path):
    layouts.nnunet_regions(tmp_path)
    _, classes, overlapping, primary = completed(tmp_path)
    assert classes == {
        "whole_tumor": ["1", "2", "3"],
        "tumor_core": ["2", "3"],
        "enhancing_tumor": ["3"],
    }
    assert (overlapping, primary) == (True, "mean")


def test_what_the_config_says_itself_is_kept(prostate):
    source = {"kind": "nnunet", "sequence": "ADC", "labels": BOTH}
    assert completed(prostate, source=source) == (None, None, False, "")
    classes = {"gland": ["PZ", "TZ"]}
    assert completed(prostate, classes=classes)[1:] == (classes, False, "")
    assert completed(prostate, overlapping=True)[2]  # each label by itself, though none overlap


def test_one_channel_and_one_label_stay_without_names(prostate):
    change(prostate, channel_names={"0": "T2"}, labels={"background": 0, "PZ": 1})
    assert completed(prostate) == (None, None, False, "")


def test_names_that_cannot_be_classes_or_channels_are_changed(prostate):
    labels = {"background": 0, "left (1)": 1, "left-1": 2, "mean": 3, "Ödem": 4, "..": 5}
    change(prostate, labels=labels, channel_names={"0": "noNorm", "1": "nonorm"})
    channels, classes, *_ = completed(prostate)
    assert channels == ["0", "1"]
    assert list(classes) == ["left-1", "left-1-2", "mean-3", "dem", "class"]
    change(prostate, labels={"background": 0, "x": 1, "x-2": 3, "x.": 2})
    assert completed(prostate)[1] == {"x": ["1"], "x-2": ["3"], "x-2-2": ["2"]}


def test_more_labels_than_there_can_be_classes_are_one_line(prostate):
    change(prostate, labels={"background": 0} | {f"organ{n}": n for n in range(1, 41)})
    schema = yaml.safe_load((EXPERIMENTS.parent / "config.schema.yaml").read_text("utf-8"))
    assert schema["properties"]["classes"]["maxProperties"] == dataset_defaults.MOST_CLASSES == 32
    with pytest.raises(UserError, match="has 40 labels, and there can be 32 classes; name those"):
        completed(prostate)


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_dataset_json_completes_nothing_and_the_import_says_why(prostate, name):
    content, _ = DAMAGED[name]
    (prostate / "dataset.json").unlink()
    if content is not None:
        damaged = content.encode() if isinstance(content, str) else content
        (prostate / "dataset.json").write_bytes(damaged)
    assert completed(prostate) == (None, None, False, "")
    assert completed(prostate / "no such folder") == (None, None, False, "")
