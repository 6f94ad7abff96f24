"""Promises of the checked config: one line for each mistake, and what rules derive from it."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import layouts
import pytest
import yaml
from snakemake.utils import update_config

from tumorseg.core.errors import UserError
from tumorseg.workflow import settings
from tumorseg.workflow.experiment import fold_of_scope

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def load(text: str = "", *, stored: bool = False) -> settings.Experiment:
    """The default experiment with changes written as YAML, as --configfile merges them."""
    config: dict[str, Any] = deepcopy(DEFAULT)
    update_config(config, yaml.safe_load(text) or {})
    return settings.load(config, str(ROOT / "config.schema.yaml"), stored=stored)


BAD = {
    "unknown key": ("colour: blue", "config: the top level: .*'colour' was unexpected"),
    "unknown inner key": ("folds: {number: 5}", "config: folds: .*'number' was unexpected"),
    "unknown key of a recipe": (
        "recipes: {robust: {training: {rate: 1}}}",
        "config: recipes.robust.training: .*'rate' was unexpected",
    ),
    "too small": ("folds: {count: 0}", "config: folds.count: 0 is less than the minimum of 1"),
    "one fold without its test part": (
        "folds: {count: 1}",
        "config: folds.test_patients: one fold is a fixed split; say how many patients test",
    ),
    "test part of several folds": (
        "folds: {count: 5, test_patients: 40}",
        "config: folds.test_patients: 5 folds test every patient; remove it, or set folds.count: 1",
    ),
    "fixed split of sites": (
        "folds: {count: 1, test_patients: 4, by: site}",
        "config: folds.by: one fold is a fixed split; set folds.count to the number of sites",
    ),
    "outside data without a folder": (
        "external: {kind: lgg}",
        "config: external.data_dir: say where the outside data are",
    ),
    "outside data of no kind": (
        "external: {patients: 9}",
        "config: external: 'kind' is a required property",
    ),
    "outside volumes of trainings on slices": (
        "external: {kind: phantom, dimensions: 3}",
        "config: external.dimensions: 3, and source.dimensions is 2; trainings predict",
    ),
    "outside data with more channels": (
        "external: {kind: phantom, channels: [t1, flair]}",
        r"config: external.channels: 2 \(t1, flair\), and source.channels has 1 \(one without",
    ),
    "outside channel that is none": (
        "external: {kind: phantom, channels: [pd]}",
        "config: external.channels: no 'pd'; there are: t1, t1ce, t2, flair",
    ),
    "outside label that YAML reads as true": (
        "external: {kind: table, data_dir: x, labels: {yes: tumour}}",
        "config: external.labels: YAML reads one label as True",
    ),
    "too large": (
        "measure: {threshold: 1.5}",
        "config: measure.threshold: 1.5 is greater than or equal to the maximum of 1",
    ),
    "no multiple of 16": (
        "network: {size_px: 100}",
        "config: network.size_px: 100 is not a multiple of 16",
    ),
    "unknown loss to use": (
        "use_losses: [bce, dice]",
        "config: use_losses: no 'dice'; there are: bce, focal",
    ),
    "reference that is not used": (
        "use_losses: [focal]",
        "config: reference_loss: 'bce' is not among losses: focal",
    ),
    "unknown network": (
        "network: {name: unet9}",
        "config: network.name: no 'unet9'; there are: attention_unet, r2unet, regunet,",
    ),
    "unknown further network": (
        "networks: {unet9: {}}",
        "config: networks.unet9.name: no 'unet9'; there are: attention_unet, r2unet, regunet,",
    ),
    "weights of ResNet50 for another network": (
        "network: {encoder_file: resnet50.h5}",
        "config: network.encoder_file: only resnet50_unet of base_width 64 begins from weights of "
        "ResNet50, not unet of base_width 8",
    ),
    "weights that do not exist": (
        "networks: {r: {name: resnet50_unet, base_width: 64, levels: 3, encoder_file: no.h5}}",
        "config: networks.r.encoder_file: there is no file no.h5",
    ),
    "unknown paper": (
        "paper: {name: someone_2020, dataset: KiTS19, losses: {Focal: focal}}",
        "config: paper.name: no 'someone_2020'; there are: adaptive_focal_2024,",
    ),
    "data set that the paper does not print": (
        "paper: {name: mixed_focal_2021, dataset: AMOS, losses: {Focal: focal}}",
        "config: paper.dataset: no 'AMOS'; there are: KiTS19, BraTS20",
    ),
    "loss that the paper does not print": (
        "paper: {name: mixed_focal_2021, dataset: KiTS19, losses: {Boundary: focal}}",
        "config: paper.losses: no 'Boundary'; there are: Focal, Dice,",
    ),
    "loss of a paper that is not compared": (
        "paper: {name: mixed_focal_2021, dataset: KiTS19, losses: {Dice: dice}}",
        "config: paper.losses.Dice: no 'dice'; there are: bce, focal",
    ),
    "network of a paper that is not trained": (
        "paper: {name: adaptive_focal_2024, dataset: PI-CAI, losses: {FL: focal}, "
        "networks: {UNet: r2unet}}",
        "config: paper.networks.UNet: no 'r2unet'; there are: unet",
    ),
    "unknown loss of a further network": (
        "networks: {r2unet: {losses: [bce, dice]}}",
        "config: networks.r2unet.losses: no 'dice'; there are: bce, focal",
    ),
    "further network without the reference": (
        "networks: {r2unet: {losses: [focal]}}",
        "config: networks.r2unet.losses: add 'bce', the reference_loss, with which",
    ),
    "network that cannot halve its input": (
        "networks: {deep: {name: unet, levels: 5}}",
        "config: networks.deep: size_px must be a multiple of 32, not 48",
    ),
    "wrong type": ("seed: one", "config: seed: 'one' is not of type 'integer'"),
    "unknown choice": (
        "skull_strip: {method: knife}",
        "config: skull_strip.method: 'knife' is not one of",
    ),
    "unknown intensity step": (
        "source: {dimensions: 3}\nnetwork: {patch: [32, 32, 32]}\nuse_recipes: [robust]\n"
        "recipes: {robust: {volumes: {intensities: [z-score]}}}",
        "config: recipes.robust.volumes.intensities: unknown intensity step 'z-score'; expected",
    ),
    "unknown preset": (
        "tuning: {preset: best}",
        "config: tuning.preset: no 'best'; there are: paper, robust",
    ),
    "tuned constant that the loss lacks": (
        "tuning: {presets: {robust: {space: {focal: {delta: [0.5]}}}}}",
        r"config: tuning.presets.robust: focal: delta: neither a training setting \(epochs, ",
    ),
    "tuned value out of range": (
        "tuning: {presets: {robust: {space: {focal: {alpha: [0.5, 2]}}}}}",
        "config: tuning.presets.robust: focal: alpha: .*alpha must lie from 0 to 1, not 2",
    ),
    "unknown loss": (
        "losses: {bce: {}, dise: {}}",
        "config: losses: no 'dise'; there are: afl_balanced, ",
    ),
    "unknown constant": (
        "losses: {bce: {}, focal: {beta: 2}}",
        "config: loss focal: no 'beta'; its constants: alpha, gamma",
    ),
    "constant out of range": (
        "losses: {bce: {}, focal: {alpha: 1.5}}",
        "config: loss focal: alpha must lie from 0 to 1, not 1.5",
    ),
    "one training under two names": (
        "losses: {bce: {}, dice_ce: {}, combo_simple: {}}",
        "config: losses: dice_ce and combo_simple give the same training; remove one",
    ),
    "unknown recipe": ("use_recipes: [strong]", "config: use_recipes: no 'strong'; there are: "),
    "unknown reference": (
        "reference_loss: dice",
        "config: reference_loss: 'dice' is not among losses: bce, focal",
    ),
    "no data_dir": ("source: {kind: table}", "config: data_dir: say where the data are"),
    "channels of a source of one": (
        "{data_dir: x, source: {kind: kits19, channels: [t1, t2]}}",
        "config: source.channels: kits19 has one channel",
    ),
    "a sequence that the phantom lacks": (
        "source: {channels: [t1ce, dwi]}",
        "config: source.channels: no 'dwi'; there are: t1, t1ce, t2, flair",
    ),
    "channels and a sequence": (
        "{data_dir: x, source: {kind: lgg, channels: [pre, post], sequence: flair}}",
        "config: source.sequence: source.channels names the channels; remove one",
    ),
    "an input that is no channel": (
        "{data_dir: x, source: {kind: lgg, channels: [pre, post]}, "
        "recipes: {robust: {inputs: [flair]}}}",
        r"config: recipes.robust.inputs: no 'flair' in source.channels \(pre, post\)",
    ),
    "a crop to an organ without its mask": (
        "{source: {dimensions: 3, channels: [t1ce, flair]}, network: {patch: [16, 16, 16]}, "
        "recipes: {robust: {volumes: {crop: organ, organ: t1ce}}}}",
        r"config: recipes.robust.volumes.organ: no 't1ce' in source.channels after the first "
        r"\(flair\)",
    ),
    "an organ without a crop to it": (
        "{source: {dimensions: 3}, network: {patch: [16, 16, 16]}, "
        "recipes: {robust: {volumes: {margin_mm: 15}}}}",
        "config: recipes.robust.volumes.margin_mm: set crop: organ as well, or remove margin_mm",
    ),
    "inputs without channels": (
        "recipes: {robust: {inputs: [flair]}}",
        r"config: recipes.robust.inputs: no 'flair' in source.channels \(none\)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_config_is_one_line_that_names_the_key(name):
    text, complaint = BAD[name]
    with pytest.raises(UserError) as caught:
        load(text)
    assert re.match(complaint, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "experiments").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_shipped_experiment_is_accepted(path):
    text = path.read_text(encoding="utf-8") + "\ndata_dir: data\n"
    text = text.replace("\nexternal:\n", "\nexternal:\n  data_dir: outside\n")
    experiment = load(text)
    assert experiment.config["experiment"] == path.stem or experiment.losses


def test_the_phantom_has_channels_of_which_a_recipe_sees_its_inputs():
    text = "{source: {channels: [t1ce, t1, flair]}, recipes: {robust: {inputs: [flair, t1ce]}}}"
    experiment = load(text)
    assert experiment.channels == ["t1ce", "t1", "flair"]
    assert experiment.inputs("robust") == [3, 1]


def test_labels_without_quotes_are_the_text_they_were_written_as():
    labels = "{255: tumour, 1.0: background, -3: tumour, glioma: tumour}"
    experiment = load(f"source: {{labels: {labels}}}")
    expected = {"255": "tumour", "1": "background", "-3": "tumour", "glioma": "tumour"}
    assert experiment.config["source"]["labels"] == expected


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        ("yes", "YAML reads one label as True; write it in quotes"),
        ("off", "YAML reads one label as False"),
        ("null", "YAML reads one label as None"),
        ("2020-01-01", "YAML reads one label as 2020-01-01"),
        ('255: tumour, "255"', "source.labels: '255' is listed twice"),
    ],
)
def test_a_label_that_yaml_does_not_read_as_written_is_one_line(label, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        load(f"source: {{labels: {{{label}: tumour}}}}")
    assert "\n" not in str(caught.value)


def test_losses_folds_and_seeds_come_in_the_order_of_the_config():
    experiment = load("folds: {count: 3}\nseed: 7\ntraining: {seeds: 2}\n")
    assert list(experiment.losses) == list(DEFAULT["losses"])
    assert (experiment.folds, experiment.seeds) == ([1, 2, 3], [7, 8])


def test_an_experiment_can_leave_out_losses_of_the_default_config():
    added = "losses: {dice: {}, tversky: {}}\nreference_loss: dice\n"
    assert list(load(added).losses) == ["bce", "focal", "dice", "tversky"]
    assert list(load(added + "use_losses: [tversky, dice]").losses) == ["tversky", "dice"]


def test_a_variant_of_a_loss_keeps_its_name_its_file_and_its_constants():
    experiment = load("losses: {bce: {}, strong: {loss: focal, gamma: 3, alpha: 0.6}}")
    assert experiment.losses["strong"] == ("focal", {"alpha": 0.6, "gamma": 3})


CLASSES = """
data_dir: x
source: {kind: nnunet}
classes: {core: [1], rim: [2]}
overlapping: %s
primary_class: %s
losses: {bce: {}, %s}
"""


@pytest.mark.parametrize(
    ("overlapping", "primary", "given", "alpha"),
    [
        ("false", "core", [0.1, 0.2, 0.3], [0.1, 0.2, 0.3]),
        ("false", "rim", [0.1, 0.2, 0.3], [0.1, 0.3, 0.2]),  # the networks' first class is rim
        ("false", "mean", [0.1, 0.2, 0.3], [0.1, 0.2, 0.3]),
        ("true", "rim", [0.2, 0.3], [0.3, 0.2]),
        ("true", "rim", 0.2, 0.2),
    ],
)
def test_class_weights_follow_the_classes_of_the_config(overlapping, primary, given, alpha):
    experiment = load(CLASSES % (overlapping, primary, f"focal: {{alpha: {given}}}"))
    assert experiment.losses["focal"][1]["alpha"] == alpha


SPACE = "tuning: {presets: {robust: {space: {%s}}}}"


@pytest.mark.parametrize("primary, alpha", [("core", [0.1, 0.2, 0.3]), ("rim", [0.1, 0.3, 0.2])])
def test_searched_class_weights_follow_the_classes_of_the_config(primary, alpha):
    space = "focal: {alpha: [[0.1, 0.2, 0.3], 0.5], gamma: {low: 1, high: 2}}"
    text = CLASSES % ("false", primary, "focal: {}")
    experiment = load(text + SPACE % space)
    found = experiment.search("robust", "focal")
    assert found["searched"]["alpha"] == found["space"]["alpha"] == [alpha, 0.5]
    assert found["space"]["gamma"] == {"low": 1, "high": 2, "log": False}
    shown = experiment.shown()["tuning"]["presets"]["robust"]["space"]["focal"]["alpha"]
    assert shown[0] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("overlapping", "searched", "complaint"),
    [
        ("true", "dice: {background: [true, false]}", "loss dice: remove 'background'"),
        ("true", "focal: {alpha: [[0.1, 0.2, 0.3]]}", "alpha needs 2 numbers, not 3"),
        ("false", "focal: {alpha: [[0.1, 0.2]]}", "alpha needs 3 numbers, not 2"),
    ],
)
def test_searched_constants_that_do_not_fit_the_classes_are_one_line(
    overlapping, searched, complaint
):
    text = CLASSES % (overlapping, "core", "focal: {}, dice: {}")
    with pytest.raises(UserError, match=f"^config: tuning.presets.robust: .*{complaint}"):
        load(text + SPACE % searched)


def test_exclusive_classes_have_losses_without_the_background():
    experiment = load(CLASSES % ("false", "core", "dice: {background: false}"))
    assert experiment.losses["dice"] == ("dice", {"background": False})


@pytest.mark.parametrize(
    ("overlapping", "given", "complaint"),
    [
        ("true", "dice: {background: false}", "loss dice: remove 'background'"),
        ("true", "focal: {alpha: [0.1, 0.2, 0.3]}", "loss focal: alpha needs 2 numbers, not 3"),
        ("false", "focal: {alpha: [0.1, 0.2]}", "loss focal: alpha needs 3 numbers, not 2"),
    ],
)
def test_constants_that_do_not_fit_the_classes_are_one_line(overlapping, given, complaint):
    with pytest.raises(UserError, match=f"^config: {complaint}"):
        load(CLASSES % (overlapping, "core", given))


@pytest.mark.parametrize(
    ("scope", "scopes", "of_fold_2"),
    [
        ("none", [], None),
        ("shared", ["shared"], "shared"),
        ("nested", ["fold-1", "fold-2"], "fold-2"),
    ],
)
def test_the_scope_of_the_tuning_decides_which_search_a_training_uses(scope, scopes, of_fold_2):
    experiment = load(f"folds: {{count: 2}}\ntuning: {{scope: {scope}}}\n")
    assert experiment.scopes == scopes
    assert experiment.scope_of(2) == of_fold_2
    assert bool(experiment.searches()) == bool(scopes)


@pytest.mark.parametrize(("scope", "fold"), [("shared", 1), ("fold-1", 1), ("fold-12", 12)])
def test_a_search_uses_the_training_patients_of(scope, fold):
    assert fold_of_scope(scope) == fold


def test_a_longer_training_does_not_change_a_search_whose_trials_have_their_own_length():
    short, long = load(), load("recipes: {robust: {training: {epochs: 40}}}")
    assert short.recipe("robust") != long.recipe("robust")
    assert short.trial_recipe("robust", "focal") == long.trial_recipe("robust", "focal")


def test_a_longer_training_does_change_a_search_whose_trials_follow_it():
    own = "tuning: {presets: {robust: {trial_epochs: 0}}}\n"
    short, long = load(own), load(own + "recipes: {robust: {training: {epochs: 40}}}\n")
    assert short.trial_recipe("robust", "focal") != long.trial_recipe("robust", "focal")


def test_outside_data_have_the_settings_of_a_source_and_a_seed_of_their_own():
    assert load().external is None
    outside = load("external: {kind: phantom, patients: 9}").external
    assert (outside.source["patients"], outside.config["seed"]) == (9, 2)
    assert outside.source["dimensions"] == 2  # defaults are filled in as in source
    text = "external: {kind: table, data_dir: /of/jane, table: jane.tsv, exclude: [jane]}\n"
    text += "source: {kind: table}\ndata_dir: here\nclasses: {a: [1], b: [2]}\n"
    experiment = load(text)
    assert experiment.external.source["classes"] == {"a": ["1"], "b": ["2"]}
    assert experiment.external.config["data_dir"] == "/of/jane"
    assert "jane" not in str(experiment.shown())


def test_what_names_files_or_people_is_not_shown():
    secret = "data_dir: /home/jane/scans\nsource: {kind: table, table: jane.tsv}\n"
    secret += "identifiers: {key_file: /home/jane/key}\nimages: /home/jane/new\n"
    experiment = load(secret)
    assert "jane" in str(experiment.config)
    assert "jane" not in str(experiment.shown())
    assert experiment.shown()["source"]["kind"] == "table"


def test_public_names_are_the_experiments_own_words():
    names = load("experiment: mine\nfolds: {count: 2}\n").public_names()
    assert {"mine", "robust", "bce", "focal", "fold-1", "fold-2", "seed-1"} <= set(names)
    assert "fold-3" not in names


LGG = "{data_dir: x, source: {kind: lgg, channels: [pre, flair, post]}, use_recipes: [%s], %s}"


@pytest.mark.parametrize(
    ("recipe", "inputs", "positions", "channels"),
    [
        ("robust", "", [1, 2, 3], 3),
        ("robust", "inputs: [flair]", [2], 1),
        ("robust", "inputs: [post, pre]", [3, 1], 2),
        ("paper", "", [1, 2, 3], 3),
        ("paper", "inputs: [post]", [3], 3),  # the study repeats the grey slice
        ("paper", "inputs: [post, flair]", [3, 2], 2),
    ],
)
def test_a_recipe_packs_its_inputs_in_their_order(recipe, inputs, positions, channels):
    experiment = load(LGG % (recipe, f"recipes: {{{recipe}: {{{inputs}}}}}"))
    assert experiment.inputs(recipe) == positions
    assert experiment.recipe(recipe)["channels"] == channels


def test_every_recipe_is_trained_with_every_further_network_on_the_same_packed_cases():
    experiment = load(
        "use_recipes: [robust, paper]\nnetwork: {base_width: 8}\n"
        "networks: {attention_unet: {}, wide: {name: resnet50_unet, base_width: 64, levels: 3}}"
    )
    assert experiment.prepared == {
        "robust": "robust",
        "paper": "paper",
        "robust-attention_unet": "robust",
        "paper-attention_unet": "paper",
        "robust-wide": "robust",
        "paper-wide": "paper",
    }
    assert experiment.recipes == list(experiment.prepared)
    assert experiment.recipe("paper-wide") == experiment.recipe("paper")
    base = {"size_px": 48, "base_width": 8}
    assert experiment.network("paper") == base | {"name": "unet"}
    assert experiment.network("robust-attention_unet") == base | {"name": "attention_unet"}
    wide = {"name": "resnet50_unet", "size_px": 48, "base_width": 64, "levels": 3}
    assert experiment.network("paper-wide") == wide


def test_one_channel_needs_no_name():
    experiment = load()
    assert (experiment.channels, experiment.inputs("robust")) == ([], [1])
    assert experiment.recipe("robust") == DEFAULT["recipes"]["robust"]


def test_channels_may_be_numbers():
    source = "{kind: nnunet, channels: [0, 2]}"
    inputs = "recipes: {robust: {inputs: [2]}}"
    experiment = load(f"{{data_dir: x, source: {source}, {inputs}}}")
    assert (experiment.channels, experiment.inputs("robust")) == (["0", "2"], [2])


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ("{posterior: [2], anterior: [1]}", {"anterior": 1, "posterior": 2}),
        ("{rim: [rim], anterior: [7]}", {"anterior": 2, "rim": 1}),
        ("{whole: [1, 2], anterior: [4]}", {"anterior": 2, "whole": 1}),
        ("{zero: [0], anterior: [4]}", {"anterior": 2, "zero": 1}),
    ],
)
def test_labels_of_predicted_classes_are_their_own_where_each_has_one_number(classes, expected):
    experiment = load(
        f"{{source: {{kind: nnunet}}, data_dir: x, classes: {classes}, primary_class: anterior}}"
    )
    assert list(experiment.class_labels.items()) == list(expected.items())


def test_one_class_has_no_labels():
    assert load().class_labels == {}


def test_a_further_network_may_be_trained_with_some_of_the_losses_only():
    experiment = load(
        "losses: {dice: {}}\nuse_recipes: [robust, paper]\n"
        "networks: {r2unet: {losses: [bce, dice]}, regunet: {}}"
    )
    of = experiment.losses_of
    assert of("robust") == of("robust-regunet") == ["bce", "focal", "dice"]
    assert of("robust-r2unet") == of("paper-r2unet") == ["bce", "dice"]
    assert "losses" not in experiment.network("robust-r2unet")
    assert list(experiment.searches()["robust-r2unet"]) == ["bce", "dice"]


def test_weights_of_an_encoder_are_known_by_their_content_and_not_shown_by_their_path(tmp_path):
    file = tmp_path / "resnet50.h5"
    text = f"""
networks:
  ready: {{name: resnet50_unet, base_width: 64, levels: 3, encoder_file: {file}}}
  raw: {{name: resnet50_unet, base_width: 64, levels: 3}}
"""
    digests = []
    for content in ("a", "b"):
        file.write_text(content, encoding="utf-8")
        experiment = load(text)
        network = experiment.network("robust-ready")
        assert "encoder_file" not in network
        digests.append(network["encoder"])
    assert digests[0] != digests[1]
    assert experiment.encoder_file("robust-ready") == str(file)
    assert experiment.encoder_file("robust-raw") == experiment.encoder_file("robust") == ""
    assert "encoder" not in experiment.network("robust-raw")
    assert str(tmp_path) not in str(experiment.shown())


def test_a_papers_networks_are_the_recipes_that_train_them():
    experiment = load(
        "networks: {r2unet: {}}\n"
        "paper: {name: adaptive_focal_2024, dataset: PI-CAI, losses: {FL: focal}, "
        "networks: {UNet: unet, RRUNet: r2unet}}"
    )
    assert experiment.paper["networks"] == {"UNet": "robust", "RRUNet": "robust-r2unet"}


def test_where_no_files_are_shared_the_config_itself_says_what_dataset_json_does(tmp_path):
    layouts.nnunet_2(tmp_path)
    text = f"source: {{kind: nnunet}}\ndata_dir: {tmp_path}\n"
    filled = load(text).config
    with pytest.raises(UserError, match=r"jobs elsewhere do not have that file") as refused:
        load(text, stored=True)
    told = yaml.safe_load("{" + str(refused.value).split("experiment's file: ")[1] + "}")
    assert told["source"] == {"channels": filled["source"]["channels"]}
    assert told["classes"] == filled["classes"]
    update_config(told, yaml.safe_load(text))
    whole = yaml.safe_dump(told)
    assert load(whole, stored=True).config == filled
    elsewhere = whole.replace(str(tmp_path), str(tmp_path / "not there"))
    assert load(elsewhere, stored=True).source == load(text).source


def test_where_no_files_are_shared_an_encoder_file_is_refused(tmp_path):
    (tmp_path / "weights.h5").write_bytes(b"x")
    network = f"{{name: resnet50_unet, base_width: 64, encoder_file: {tmp_path}/weights.h5}}"
    load(f"network: {network}")
    with pytest.raises(UserError, match=r"config: network.encoder_file: jobs elsewhere"):
        load(f"network: {network}", stored=True)
