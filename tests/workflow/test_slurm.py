"""profiles/slurm: what each job asks a cluster for, and a few jobs on a real Slurm of one node.

The plug-in comes by `make profiles`, Slurm by `apt-get install slurm-wlm munge`; the tests say what
is missing.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec

import one_node_slurm
import planned_jobs
import pytest
import yaml
from one_node_slurm import Cluster, one_node
from project_copy import ROOT, TINY, ProjectCopy, copy_project

pytestmark = pytest.mark.skipif(
    find_spec("snakemake_executor_plugin_slurm") is None,
    reason="no snakemake-executor-plugin-slurm here: make profiles",
)
PROFILE = ROOT / "profiles/slurm/profile.yaml"
ON_SLURM = ("--workflow-profile", "profiles/slurm")
# A test cannot wait a minute to learn that a job has ended.
OFTEN = (
    *("--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1"),
    *("--max-status-checks-per-second", "2"),
)
PATIENCE = 900  # seconds: what takes 30 on an idle computer may take long on a busy one
# Each starts by itself: what is long, asks for a GPU or reads the user's own files.
ALONE = {"import_cases", "tune", "train", "predict_cases", "seek_names"}
ON_DEMAND = {"check", "export_model", "predict"}
HERE = {"plan", "register", "amend", "write_report"}  # run by the Snakemake that submits


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> ProjectCopy:
    return copy_project(tmp_path_factory.mktemp("slurm"))


@pytest.fixture(scope="module")
def plans(project) -> dict[str, dict]:
    """What planned_jobs prints of several command lines, by their names."""
    profile = " ".join(ON_SLURM)
    project.write("gpu.yaml", f"{TINY}training: {{device: gpu}}\n")
    lines = {
        "tiny": f"all predict check --config images=images --configfile tiny.yaml {profile}",
        "gpu": f"all predict --config images=images --configfile gpu.yaml {profile}",
        "volumes": f"all --configfile experiments/volumes.yaml {profile}",
        "no number of cores": f"all --configfile tiny.yaml {profile} --cores 0",
    }
    command = [sys.executable, planned_jobs.__file__, str(project.folder), *lines.values()]
    done = subprocess.run(
        command, env=project.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(lines, json.loads(done.stdout.splitlines()[-1]), strict=True))


def asked(plan: dict, rule: str, name: str) -> list:
    """What the jobs of a rule ask for at the first and at the second attempt."""
    return [attempt.get(name) for attempt in plan["rules"][rule]["attempts"]]


def test_memory_and_time_of_every_job_on_the_cluster_double_with_the_second_attempt(plans):
    for plan in plans.values():
        for rule, facts in plan["rules"].items():
            for name in ("mem_mb", "runtime"):
                first, second = asked(plan, rule, name)
                assert second == 2 * first > 0, (rule, name)
            assert facts["local"] == (rule in HERE), rule


def test_no_job_and_no_group_asks_for_more_cores_than_the_profile_says(plans):
    most = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))["cores"]
    assert most == 2
    for plan in (plans["tiny"], plans["volumes"]):
        jobs = [asked(plan, rule, "_cores")[0] for rule in plan["rules"]]
        groups = [group["resources"]["_cores"] for group in plan["groups"]]
        assert max(jobs + groups) == most


def test_every_rule_has_its_threads_where_no_number_of_cores_is_given(plans):
    plan = plans["no number of cores"]
    threads = {rule: asked(plan, rule, "_cores")[0] for rule in plan["rules"]}
    assert all(isinstance(number, int) for number in threads.values())
    assert threads["write_report"] == 1
    assert threads["import_cases"] == 4


def test_a_gpu_is_asked_for_where_the_config_wants_one_and_nowhere_else(plans):
    with_gpu = {
        name: {rule for rule in plan["rules"] if "gpu" in plan["rules"][rule]["attempts"][0]}
        for name, plan in plans.items()
    }
    assert with_gpu.pop("gpu") == {"train", "tune", "predict_cases", "predict"}
    assert not any(with_gpu.values())
    assert not any(
        "gpu" in group["resources"] for plan in plans.values() for group in plan["groups"]
    )


def test_small_steps_share_a_job_and_the_long_ones_do_not(plans):
    plan = plans["tiny"]
    alone = {rule for rule, facts in plan["rules"].items() if not facts["group"]}
    assert alone == ALONE | ON_DEMAND | HERE
    together = sorted(sorted(set(group["rules"])) for group in plan["groups"])
    assert [len(rules) for rules in together] == [16, 7, 1]
    # Two searches, four trainings, two predictions, import, search for names, and three groups.
    assert plan["submitted"] - len(ON_DEMAND) == 13
    assert plans["volumes"]["submitted"] == 11


def test_the_profile_names_only_rules_that_there_are():
    profile = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.smk"))
    rules = set(re.findall(r"^ *rule (\w+):", text, flags=re.MULTILINE))
    assert profile["groups"].keys() | profile["set-resources"].keys() <= rules
    assert rules - profile["groups"].keys() == ALONE | ON_DEMAND | HERE | {
        "download",
        "predict_external",
    }
    assert profile["group-components"].keys() == set(profile["groups"].values())


def test_the_profile_repeats_what_the_default_one_sets():
    default = yaml.safe_load((ROOT / "profiles/default/profile.yaml").read_text(encoding="utf-8"))
    profile = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
    # Why Slurm ended a job is in the lines about its rule.
    assert set(default.pop("quiet")) - set(profile["quiet"]) == {"rules"}
    assert default.items() <= profile.items()


@pytest.fixture(scope="module")
def slurm() -> Iterator[Cluster]:
    if reason := one_node_slurm.obstacle():
        pytest.skip(f"no Slurm: {reason}")
    with one_node() as cluster:
        yield cluster


def wait_for(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


def test_a_job_that_slurm_ends_is_run_again_with_more_memory(project, slurm):
    command = project.command("results/tiny/plan.tsv", *ON_SLURM, *OFTEN)
    log = project.folder / "run.log"
    with log.open("w", encoding="utf-8") as lines:
        running = subprocess.Popen(
            command, cwd=project.folder, env=project.environment(), stdout=lines, stderr=lines
        )
    try:
        wait_for(lambda: "RUNNING" in slurm.jobs().values())
        slurm.ask("scancel", *slurm.jobs())
        assert running.wait(timeout=PATIENCE) == 0, log.read_text(encoding="utf-8")[-4000:]
    finally:
        running.kill()
    form = "--format=%i|%T|%k|%m|%l"
    told = slurm.ask("squeue", "--states=all", "--noheader", "--sort=i", form).splitlines()
    assert [line.split("|")[1:] for line in told] == [
        ["CANCELLED", "rule_import_cases", "2000M", "1:00:00"],
        ["COMPLETED", "rule_import_cases", "4000M", "2:00:00"],
        ["COMPLETED", "rule_prepare_rasterize_skull_strip_split", "1500M", "1:30:00"],
    ]
    # What a failed node ran Slurm itself runs elsewhere, on clusters whose own choice is not to.
    assert slurm.ask("scontrol", "show", "jobs").count("Requeue=1") == 3
    assert "Plan: training" in log.read_text(encoding="utf-8")  # printed where the user looks
    assert (project.folder / "results/tiny/plan.tsv").is_file()


def test_make_all_does_not_begin_while_jobs_of_a_killed_run_are_in_the_queue(project, slurm):
    (project.folder / ".snakemake/locks").mkdir(parents=True, exist_ok=True)
    (project.folder / ".snakemake/locks/0.input.lock").touch()
    name = subprocess.run(["uname", "-n"], capture_output=True, text=True, check=True).stdout
    project.write(".snakemake/make-all", name)
    sleeping = ["--parsable", f"--chdir={project.folder}", "--wrap=sleep 60"]
    others = slurm.ask("sbatch", *sleeping, "--comment=mine").strip()
    left = slurm.ask("sbatch", *sleeping, "--comment=rule_train_wildcards_1").strip()
    begun = ["sh", "profiles/default/resume.sh", "true"]
    refused = project.execute(begun)
    assert refused.returncode == 1
    assert refused.stdout.endswith(f"wait for them or: scancel {left} \n")
    slurm.ask("scancel", others, left)
    wait_for(lambda: not slurm.jobs())
    assert project.execute(begun).returncode == 0


def test_two_trainings_that_ask_for_a_gpu_never_share_one(slurm):
    command = ["srun", "--gpus=1", "--cpus-per-task=1", "--mem=100", "sh", "-c"]
    command += ["echo $CUDA_VISIBLE_DEVICES; sleep 1"]
    two = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(each.communicate()[0].strip() for each in two) == ["0", "1"]


def test_the_helper_leaves_the_settings_of_a_real_cluster_alone(tmp_path, monkeypatch):
    conf = tmp_path / "slurm.conf"
    conf.write_text("ClusterName=real\n")
    monkeypatch.setattr(one_node_slurm, "CONF", conf)
    monkeypatch.setattr(one_node_slurm, "PROGRAMS", ())
    assert "belongs to a cluster" in one_node_slurm.obstacle()
    assert conf.read_text() == "ClusterName=real\n"
