"""The profiles of places without shared files, and the image in which their steps run.

Options are read by the plug-ins themselves where `make profiles` has installed them.
"""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import yaml
from project_copy import ROOT, copy_project

PLUGINS = {
    "kubernetes": "snakemake_executor_plugin_kubernetes",
    "awsbatch": "snakemake_executor_plugin_aws_batch",
    "googlebatch": "snakemake_executor_plugin_googlebatch",
}
STORAGES = ("snakemake_storage_plugin_gcs", "snakemake_storage_plugin_s3")
PIN = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)


def need(*plugins: str) -> None:
    for plugin in plugins:
        if find_spec(plugin) is None:
            pytest.skip(f"NOT CHECKED: {plugin} is not installed; `make profiles` installs it")


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / f"profiles/{name}/profile.yaml").read_text(encoding="utf-8"))


def on_the_shelf(name: str) -> list[str]:
    """Options of a profile, with the storage for tests: even a dry run asks a bucket for files."""
    storage = ["--default-storage-provider", "shelf", "--default-storage-prefix", "shelf://mine"]
    return ["--workflow-profile", f"profiles/{name}", *storage]


def places(folder: Path) -> dict[str, str]:
    return {"SHELF": str(folder / "shelf"), "PYTHONPATH": str(folder / "tests/workflow")}


@pytest.mark.parametrize("name", PLUGINS)
def test_a_profile_keeps_the_options_of_the_default_one(name):
    default = profile("default")
    assert {key: profile(name).get(key) for key in default} == default


@pytest.mark.parametrize("name", PLUGINS)
def test_a_profile_sets_resources_of_rules_that_exist(name):
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.smk"))
    known = set(re.findall(r"^ *rule (\w+):", rules, flags=re.MULTILINE))
    assert set(profile(name).get("set-resources", [])) <= known


@pytest.mark.parametrize("name", PLUGINS)
def test_the_plug_ins_accept_the_options_of_a_profile(name, tmp_path):
    """A dry run, which parses every option and lists every job."""
    need(PLUGINS[name], *STORAGES)
    copy = copy_project(tmp_path)
    options = ["all", *on_the_shelf(name), "--dry-run", "--quiet", "host"]
    done = copy.execute(copy.command(*options), **places(copy.folder))
    assert done.returncode == 0, done.stdout[-3000:]
    assert "rule train:" in done.stdout


def test_a_job_on_kubernetes_that_wants_a_gpu_has_limits():
    """Kubernetes refuses a GPU without a limit, and the plug-in sets limits where scale is 0."""
    gpu_rules = {"tune", "train", "predict_cases"}
    resources = profile("kubernetes")["set-resources"]
    for rule in gpu_rules:
        assert resources[rule]["gpu_manufacturer"] == "nvidia"
        assert resources[rule]["scale"] == 0


def test_a_failed_pod_is_tried_again_and_its_log_kept(tmp_path):
    """Kubernetes has a pod's log, but no `previous` one where the container was never restarted.

    A pod of Snakemake never is. Version 0.5.1 of the plug-in asks for it, and the run ends.
    """
    plugin = pytest.importorskip(PLUGINS["kubernetes"], reason="`make profiles` installs it")
    from kubernetes.client.rest import ApiException

    def log(previous=False, **_):
        if previous:
            raise ApiException(400, "previous terminated container not found")
        return "ERROR in rule train"

    ended = SimpleNamespace(terminated=SimpleNamespace(exit_code=137))
    container = SimpleNamespace(name="snakemake", state=ended)
    pod = MagicMock()
    pod.status.container_statuses = [container]
    executor = object.__new__(plugin.Executor)
    executor.kubeapi, executor.batchapi, executor.workflow = MagicMock(), MagicMock(), MagicMock()
    executor.kubeapi.list_namespaced_pod.return_value.items = [pod]
    executor.kubeapi.read_namespaced_pod_log.side_effect = log
    executor.batchapi.read_namespaced_job_status.return_value.status.failed = 1
    executor.namespace, executor.logger, executor.log_path = "science", MagicMock(), tmp_path
    executor.lock, executor.report_job_error = threading.Lock(), MagicMock()
    executor.status_rate_limiter = contextlib.nullcontext()

    async def look() -> list:
        return [job async for job in executor.check_active_jobs([job])]

    job = SimpleNamespace(external_jobid="snakejob-1")
    assert asyncio.run(look()) == []
    executor.report_job_error.assert_called_once()
    assert (tmp_path / "snakejob-1.log").read_text(encoding="utf-8") == "ERROR in rule train\n"


def test_aws_batch_grants_trainings_the_memory_that_they_ask_for():
    """The plug-in takes the least of its own steps in place of any other number of megabytes."""
    resources = profile("awsbatch")["set-resources"]
    asked = {"tune": 3500, "train": 3000, "predict_cases": 2500}  # by the rules, for one core
    for rule, megabytes in asked.items():
        own = int(str(resources[rule]["mem_mb"]).split("*")[0])
        assert own >= megabytes
        assert own % 1024 == 0
        assert 2048 <= own <= 8192 // 2  # doubled at the second attempt, and still one core's


def test_the_report_gets_what_options_say_of_the_storage(tmp_path):
    """Its own Snakemake is started where such options as the endpoint are in the environment."""
    need(*STORAGES)
    copy = copy_project(tmp_path)
    shown = ["SNAKEMAKE_STORAGE_S3_ENDPOINT_URL", "SNAKEMAKE_STORAGE_GCS_PROJECT"]
    lines = ["STORED = True", 'include: "rules/storage.smk"']
    copy.write("Snakefile", "\n".join([*lines, *(f"print(os.environ['{key}'])" for key in shown)]))
    options = [
        "--storage-s3-endpoint-url",
        "https://s3.mine",
        "--storage-gcs-project",
        "my-project",
    ]
    options += [*on_the_shelf("default")[2:], "--list-rules"]
    search = {"PYTHONPATH": f"{copy.folder}/scripts:{places(copy.folder)['PYTHONPATH']}"}
    done = copy.execute(copy.command(*options), **places(copy.folder) | search)
    assert done.stdout.splitlines()[-2:] == ["https://s3.mine", "my-project"], done.stdout


@pytest.fixture(scope="module")
def google_job(tmp_path_factory) -> dict:
    """The definition of a job that asks for a GPU, as Google Batch gets it."""
    need(PLUGINS["googlebatch"], *STORAGES)
    copy = copy_project(tmp_path_factory.mktemp("google"))
    for command in (["init", "--quiet"], ["add", "."]):  # git lists the files that jobs get
        subprocess.run(["git", *command], cwd=copy.folder, check=True)
    (copy.folder / "jobs").mkdir()
    stand_in = [sys.executable, "tests/workflow/google_batch.py"]
    command = [*copy.command("results/tiny/figures/losses.svg", *on_the_shelf("googlebatch"))[3:]]
    command += ["--retries", "0", "--seconds-between-status-checks", "1", "--set-resources"]
    command += ["show_losses:nvidia_gpu=1", "show_losses:googlebatch_machine_type=n1-highmem-2"]
    done = copy.execute([*stand_in, *command], **places(copy.folder), JOBS="jobs")
    made = list((copy.folder / "jobs").iterdir())
    assert [path.name[:12] for path in made] == ["show-losses-"], done.stdout[-3000:]
    return json.loads(made[0].read_text(encoding="utf-8"))


def test_google_batch_gets_the_machine_image_and_account_of_the_profile_and_no_key(google_job):
    options = profile("googlebatch")
    group = google_job["taskGroups"][0]
    task, steps = group["taskSpec"], group["taskSpec"]["runnables"]
    assert task["computeResource"]["memoryMib"] == str(options["googlebatch-memory"])
    assert task["computeResource"]["cpuMilli"] == str(1000 * options["max-threads"])
    assert task["maxRunDuration"] == options["googlebatch-max-run-duration"]
    assert task["maxRetryCount"] == 0
    assert steps[-1]["container"]["imageUri"] == options["container-image"]
    named = steps[-1]["environment"]["variables"]
    assert named.pop("SNAKEMAKE_STORAGE_GCS_PROJECT") == options["storage-gcs-project"]
    assert not [name for name in named if "KEY" in name or "TOKEN" in name]
    policy = google_job["allocationPolicy"]
    assert policy["serviceAccount"]["email"] == options["googlebatch-service-account"]
    machine = policy["instances"][0]["policy"]
    assert machine["bootDisk"]["image"] == "batch-cos"
    # As the job asked:
    assert machine["machineType"] == "n1-highmem-2"
    gpus = [(each["type"], each["count"]) for each in machine["accelerators"]]
    assert gpus == [("nvidia-tesla-t4", "1")]
    assert policy["instances"][0]["installGpuDrivers"] is True


@pytest.mark.parametrize("status", [0, 3])
def test_a_job_on_google_batch_ends_as_its_snakemake_ends(google_job, tmp_path, status):
    """The plug-in's script goes on with pip after Snakemake, and would end as pip does."""
    script = google_job["taskGroups"][0]["taskSpec"]["runnables"][0]["script"]["text"]
    script = script.replace("/tmp/workdir", str(tmp_path))
    for name, text in {"pip": "true", "python": f"exit {status}", "python3": "exit 9"}.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        program.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", script], env=path, stdout=subprocess.DEVNULL, check=True)
    ended = subprocess.run(["bash", tmp_path / "entrypoint.sh"], env=path, check=False)
    assert ended.returncode == status


def test_the_image_has_the_locked_packages_and_none_of_the_code():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    image = next(line for line in lines if line.startswith("FROM "))
    python = (ROOT / "Makefile").read_text(encoding="utf-8").split("PYTHON ?= python")[1][:4]
    assert image.split()[1].startswith(f"python:{python}-slim")
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ")]
    assert copied == [["requirements.lock", "requirements-profiles.lock"], ["envs/$TRAINING.yaml"]]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert ignored == ["*", *(f"!{name}" for name in copied[0]), "!envs/training*.yaml"]
    run = "\n".join(line for line in lines if line.startswith("RUN "))
    for name in copied[0]:
        assert "--require-hashes" in run and f"-r /locks/{name}" in run
    locks = [dict(PIN.findall((ROOT / name).read_text(encoding="utf-8"))) for name in copied[0]]
    assert all(locks[0].get(package, version) == version for package, version in locks[1].items())
    assert {name.replace("_", "-") for name in STORAGES} <= set(locks[1])


@pytest.mark.parametrize(
    "path", sorted((ROOT / "envs").glob("training*.yaml")), ids=lambda p: p.stem
)
def test_an_image_can_have_the_pins_of_every_environment_of_trainings(path):
    """The Dockerfile's own command finds them all, and none changes what the locks have pinned."""
    command = re.search(r"sed -n '[^']*==[^']*'", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    found = subprocess.run(
        ["sh", "-c", f"{command.group()} {path}"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    pins = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"][2]["pip"]
    assert found.splitlines() == pins
    for lock in ("requirements.lock", "requirements-profiles.lock"):
        locked = dict(PIN.findall((ROOT / lock).read_text(encoding="utf-8")))
        assert all(locked.get(name, version) == version for name, version in PIN.findall(found))


def test_the_image_gives_a_user_without_an_account_a_name_and_a_home_to_write_to():
    """Snakemake starts with neither `--user 1000` nor runAsNonRoot otherwise."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    given = dict(
        pair.split("=") for line in lines if line.startswith("ENV ") for pair in line.split()[1:]
    )
    assert given["HOME"] == "/tmp" and given["USER"]
    # The search for names looks for it: a word of ours would end every run in a container.
    texts = [*(ROOT / "report").glob("*.rst"), *(ROOT / "scripts").rglob("*.*")]
    assert not [p for p in texts if p.is_file() and given["USER"].encode() in p.read_bytes()]


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
