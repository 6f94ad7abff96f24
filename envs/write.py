"""Writes envs/<role>.yaml: the packages of <role>.in and all they need, pinned by the lock.

`make lock` calls it.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The second has JAX too.
LOCKS = [HERE.parent / name for name in ("requirements.lock", "requirements-dev.lock")]
# Libraries of GPUs and TPUs are built for this system; the other environments are for any.
ACCELERATED, SYSTEM = "training-", "x86_64-manylinux_2_31"


def pins(requirements: Path) -> list[str]:
    """name==version lines of the requirements and all that they need; raises where uv fails."""
    command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet"]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--python-version", "3.11"]
    for lock in LOCKS:
        command += ["--constraint", str(lock)]
    if requirements.name.startswith(ACCELERATED):
        command += ["--python-platform", SYSTEM]
    command.append(str(requirements))
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def environment(requirements: Path) -> str:
    """The conda environment as YAML text."""
    packages = "".join(f"      - {pin}\n" for pin in pins(requirements))
    return (
        f"# Written by `make lock` from {requirements.name} and requirements.lock.\n"
        "channels:\n  - conda-forge\n  - nodefaults\n"
        f"dependencies:\n  - python=3.11\n  - pip\n  - pip:\n{packages}"
    )


if __name__ == "__main__":
    for path in sorted(HERE.glob("*.in")):
        path.with_suffix(".yaml").write_text(environment(path), encoding="utf-8")
