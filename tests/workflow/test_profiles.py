"""The profiles of places without shared files, and the image in which their steps run.

Options are read by the plug-ins themselves where `make profiles` has installed them.
"""

import os
import re
import subprocess
from importlib.util import find_spec

import pytest
import yaml
from project_copy import ROOT, copy_project

PLUGINS = {
    "kubernetes": "snakemake_executor_plugin_kubernetes",
    "awsbatch": "snakemake_executor_plugin_aws_batch",
}
PIN = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / f"profiles/{name}/profile.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PLUGINS)
def test_a_profile_keeps_the_options_of_the_default_one(name):
    default = profile("default")
    assert {key: profile(name).get(key) for key in default} == default


@pytest.mark.parametrize("name", PLUGINS)
def test_a_profile_sets_resources_of_rules_that_exist(name):
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.smk"))
    known = set(re.findall(r"^ *rule (\w+):", rules, flags=re.MULTILINE))
    assert set(profile(name)["set-resources"]) <= known


@pytest.mark.parametrize("name", PLUGINS)
def test_the_plug_ins_accept_the_options_of_a_profile(name, tmp_path):
    """A dry run, which parses every option and lists every job."""
    for plugin in (PLUGINS[name], "snakemake_storage_plugin_s3"):
        if find_spec(plugin) is None:
            pytest.skip(f"NOT CHECKED: {plugin} is not installed; `make profiles` installs it")
    copy = copy_project(tmp_path)
    # The bucket's place is taken by the storage for tests: even a dry run asks for its files.
    places = {"SHELF": str(tmp_path / "shelf"), "PYTHONPATH": str(copy.folder / "tests/workflow")}
    options = [
        "all",
        "--workflow-profile",
        f"profiles/{name}",
        "--default-storage-provider",
        "shelf",
    ]
    options += ["--default-storage-prefix", "shelf://mine", "--dry-run", "--quiet", "host"]
    done = copy.execute(copy.command(*options), **places)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "rule train:" in done.stdout


def test_a_job_on_kubernetes_that_wants_a_gpu_has_limits():
    """Kubernetes refuses a GPU without a limit, and the plug-in sets limits where scale is 0."""
    gpu_rules = {"tune", "train", "predict_cases"}
    resources = profile("kubernetes")["set-resources"]
    for rule in gpu_rules:
        assert resources[rule]["gpu_manufacturer"] == "nvidia"
        assert resources[rule]["scale"] == 0


def test_aws_batch_grants_trainings_the_memory_that_they_ask_for():
    """The plug-in takes the least of its own steps in place of any other number of megabytes."""
    resources = profile("awsbatch")["set-resources"]
    asked = {"tune": 3500, "train": 3000, "predict_cases": 2500}  # by the rules, for one core
    for rule, megabytes in asked.items():
        own = int(str(resources[rule]["mem_mb"]).split("*")[0])
        assert own >= megabytes
        assert own % 1024 == 0
        assert 2048 <= own <= 8192 // 2  # doubled at the second attempt, and still one core's


def test_the_image_has_the_locked_packages_and_none_of_the_code():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    image = next(line for line in lines if line.startswith("FROM "))
    python = (ROOT / "Makefile").read_text(encoding="utf-8").split("PYTHON ?= python")[1][:4]
    assert image.split()[1].startswith(f"python:{python}-slim")
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ")]
    assert copied == [["requirements.lock", "requirements-profiles.lock"]]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert ignored == ["*", *(f"!{name}" for name in copied[0])]
    run = "\n".join(line for line in lines if line.startswith("RUN "))
    for name in copied[0]:
        assert "--require-hashes" in run and f"-r /locks/{name}" in run
    locks = [dict(PIN.findall((ROOT / name).read_text(encoding="utf-8"))) for name in copied[0]]
    assert all(locks[0].get(package, version) == version for package, version in locks[1].items())
    assert "snakemake-storage-plugin-s3" in locks[1]


@pytest.mark.parametrize(("status", "begun"), [(1, False), (71, True)])
def test_make_all_begins_on_a_file_system_without_locks_but_not_beside_another(
    status, begun, tmp_path
):
    flock = tmp_path / "bin/flock"
    flock.parent.mkdir()
    flock.write_text(f"#!/bin/sh\necho flock: Function not implemented >&2\nexit {status}\n")
    flock.chmod(0o755)
    path = f"{flock.parent}:{os.environ['PATH']}"
    command = ["sh", str(ROOT / "profiles/default/resume.sh"), "echo", "begun"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0, done.stdout) == (begun, "begun\n" * begun)
    assert ("is at work in this folder" in done.stderr) == (not begun)


@pytest.mark.parametrize(("command", "killed"), [("kill -9 $$", True), ("exit 1", False)])
def test_the_lock_of_a_killed_snakemake_is_cleared_by_the_next_make_all(command, killed, tmp_path):
    """Also where it alone was killed, as by a login node that lacks memory."""
    locks = tmp_path / ".snakemake/locks"
    locks.mkdir(parents=True)
    unlock = tmp_path / "bin/snakemake"
    unlock.parent.mkdir()
    unlock.write_text(f"#!/bin/sh\nrm {locks}/*\n")
    unlock.chmod(0o755)
    resume = ["sh", str(ROOT / "profiles/default/resume.sh"), "sh", "-c"]
    options = {"cwd": tmp_path, "env": {"PATH": f"{unlock.parent}:{os.environ['PATH']}"}}
    subprocess.run([*resume, f"touch {locks}/0.lock; {command}"], **options)
    assert subprocess.run([*resume, "true"], **options).returncode == 0
    assert any(locks.iterdir()) != killed
