"""The conda environments hold the lock's pins and all that their scripts import.

Conda itself is not needed: each environment's pins, and nothing else, go into a fresh virtual
environment, where every module that one of its scripts can reach is imported. That takes minutes,
so it is done again only after a pin or an import changed; TEST_ENVIRONMENTS=always does it anyway.
"""

import ast
import hashlib
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from tumorseg.core import registry
from tumorseg.workflow.experiment import Experiment

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
ROLES = sorted(path.stem for path in (ROOT / "envs").glob("*.in"))
PIN = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)

# Several gigabytes of libraries: whether their pins fit together was asked of uv (envs/write.py).
ACCELERATED = {"training-cuda", "training-torch", "training-tpu"}

UV = Path(sys.executable).with_name("uv")


def pins(role: str) -> dict[str, str]:
    """Package to version, as the environment's file says."""
    content = yaml.safe_load((ROOT / f"envs/{role}.yaml").read_text(encoding="utf-8"))
    assert content["channels"] == ["conda-forge", "nodefaults"]
    assert content["dependencies"][:2] == ["python=3.11", "pip"]
    return dict(PIN.fullmatch(line).groups() for line in content["dependencies"][2]["pip"])


def scripts_by_role() -> dict[str, list[str]]:
    """Environment to the scripts of the rules that name it."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "rules").glob("*.smk")):
        for rule in re.split(r"^rule ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            script = re.search(r"script:\s*\"\.\./scripts/(\w+)\.py\"", rule)
            role = re.search(r"conda:\s*(?:\"\.\./envs/(\w+)\.yaml\"|TRAINING)", rule)
            if role:
                assert script, f"a rule with an environment but no script: {rule[:40]}"
                for name in [role.group(1)] if role.group(1) else BACKENDS_OF:
                    found.setdefault(name, []).append(script.group(1))
            else:  # only a rule that starts Snakemake itself needs no environment
                assert "handover: True" in rule, f"no environment: {rule[:40]}"
    return found


def locked(name: str) -> dict[str, str]:
    """Package to version, as a lock says."""
    return dict(PIN.findall((ROOT / name).read_text(encoding="utf-8")))


def file_of(module: str) -> Path | None:
    """The project's file of a module, or None for any other module."""
    path = SCRIPTS.joinpath(*module.split(".")).with_suffix(".py")
    return path if module.startswith("tumorseg.") and path.is_file() else None


# Keras runs on one of them: each environment of trainings has the package by which it does.
BACKENDS = {"tensorflow", "jax", "torch"}
BACKENDS_OF = {
    "training": {"tensorflow-cpu"},
    "training-cuda": {"tensorflow", "jax"},
    "training-torch": {"torch"},
    "training-tpu": {"jax"},
}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, at its top or inside a function, with registry entries."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            ours = {name for name in below if file_of(name)}
            found |= ours or {node.module}
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "registry.entry":
            folder = ast.literal_eval(node.args[0])
            found |= {f"tumorseg.{folder}.{name}" for name in registry.names(folder)}
    return found


def reached(script: str) -> set[str]:
    """The script, and every module, ours or not, that it may import in any of its calls."""
    waiting, found = {script, "tumorseg.workflow.job"}, set()
    while waiting:
        module = waiting.pop()
        found.add(module)
        path = SCRIPTS / f"{script}.py" if module == script else file_of(module)
        waiting |= imports(path) - found if path else set()
    return found


@pytest.mark.parametrize("role", ROLES)
def test_pins_are_those_of_the_lock(role):
    """Accelerators' own libraries are in no lock."""
    lock = locked("requirements-dev.lock") | locked("requirements.lock")
    ours = pins(role)
    assert ours
    assert {name: ours[name] for name in ours if name in lock}.items() <= lock.items()
    assert role in ACCELERATED or set(ours) <= set(locked("requirements.lock"))


@pytest.mark.parametrize("role", ROLES)
def test_the_file_has_every_package_that_its_list_names(role):
    wanted = (ROOT / f"envs/{role}.in").read_text(encoding="utf-8").splitlines()
    names = {
        re.split(r"\[|==", line.lower())[0] for line in wanted if line and not line.startswith("#")
    }
    assert names <= set(pins(role))


def test_every_environment_is_used_and_every_used_one_is_there():
    assert sorted(scripts_by_role()) == ROLES


def test_imports_inside_functions_and_registry_entries_are_reached():
    found = reached("import_cases")
    assert {"tumorseg.sources.phantom", "tumorseg.annotations.border"} <= found
    assert "tumorseg.losses.focal" in reached("train")
    assert {"keras", "tensorflow"} <= reached("train")
    assert "keras" not in reached("measure")


@pytest.mark.parametrize("role", ROLES)
def test_every_import_of_its_scripts_is_of_a_package_that_it_pins(role):
    """By the names that the packages installed here declare; the test below tries it."""
    names = {name.split(".")[0] for name in set().union(*map(reached, scripts_by_role()[role]))}
    names -= {path.stem for path in SCRIPTS.glob("*.py")} | {"tumorseg"} | BACKENDS
    declared = packages_distributions()
    pinned = set(pins(role))
    missing = {
        name
        for name in names - sys.stdlib_module_names
        if not pinned & {package.lower().replace("_", "-") for package in declared[name]}
    }
    assert missing == set()


def test_every_choice_of_a_backend_and_a_device_has_an_environment_with_it():
    """And the versions are those that the tests run."""
    for backend in sorted(BACKENDS):
        for device in ("auto", "cpu", "gpu", "tpu"):
            experiment = Experiment({"training": {"backend": backend, "device": device}}, *[{}] * 6)
            role = experiment.training_environment
            names = {re.sub("-cpu$", "", name) for name in BACKENDS_OF[role]}
            assert backend in names or (backend, device) == ("tensorflow", "tpu")
    for role, packages in BACKENDS_OF.items():
        ours = pins(role)
        backends = set(ours) & (BACKENDS | {"tensorflow-cpu"})
        assert backends == packages
    cuda, torch = pins("training-cuda"), pins("training-torch")["torch"]
    assert cuda["tensorflow"] == locked("requirements.lock")["tensorflow-cpu"]
    assert f"torch=={torch}\n" in (ROOT / "requirements-torch.txt").read_text(encoding="utf-8")


@pytest.mark.environments
@pytest.mark.slow
@pytest.mark.parametrize("role", [role for role in ROLES if role not in ACCELERATED])
def test_its_pins_alone_import_every_script_that_uses_it(role, tmp_path, request):
    modules = sorted(set().union(*map(reached, scripts_by_role()[role])) - {"jax", "torch"})
    state = hashlib.sha256(repr((sys.version, pins(role), modules)).encode()).hexdigest()
    passed, key = request.config.cache, f"tumorseg/environment_{role}"
    if passed.get(key, "") == state and os.environ.get("TEST_ENVIRONMENTS") != "always":
        pytest.skip(
            "passed before with these pins and imports; TEST_ENVIRONMENTS=always repeats it"
        )
    python = tmp_path / "venv/bin/python"
    subprocess.run(
        [UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"], check=True
    )
    packages = [f"{name}=={version}" for name, version in pins(role).items()]
    install = [UV, "pip", "install", "--quiet", "--no-deps", "--python", python]
    subprocess.run([*install, *packages], check=True)
    subprocess.run([UV, "pip", "check", "--quiet", "--python", python], check=True)
    code = "import sys, importlib\nfor name in sys.argv[1:]: importlib.import_module(name)"
    done = subprocess.run(
        [python, "-c", code, *modules],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(SCRIPTS), "TF_CPP_MIN_LOG_LEVEL": "3"},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    passed.set(key, state)
