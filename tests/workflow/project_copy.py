"""Copies of the project in which the real workflow runs; the working tree stays untouched."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Both recipes and both losses in two folds, at a size at which a training takes a second. Its job
# graph is computed. So many epochs that a kill after the first comes in time; the loss falls, so
# that a late one is chosen.
TINY = """\
experiment: tiny
source: {patients: 8, height_px: 128, width_px: 200}
folds: {count: 2}
network: {size_px: 32, base_width: 4, levels: 2}
use_recipes: [robust, paper]
recipes:
  robust: {training: {epochs: 8, steps: 1, weight_average: 0.9, keep_best: loss}}
  paper: {training: {epochs: 1}}
tuning: {presets: {robust: {trials: 2, trial_epochs: 1}}}
"""
EPOCHS = 8  # of the recipe robust
# What runs: one recipe. The other runs in test_privacy.py.
STUDY = TINY.replace("use_recipes: [robust, paper]\n", "")


@dataclass(frozen=True)
class ProjectCopy:
    """A copy of the project."""

    folder: Path

    def command(self, *arguments: str, configfile: str = "tiny.yaml") -> list[str]:
        base = [sys.executable, "-m", "snakemake", *arguments]
        return [*base, "--nocolor", "--configfile", configfile]

    def environment(self) -> dict[str, str]:
        """Without what pytest or a developer's shell may add to the import path."""
        return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONPATH", "KERAS"))}

    def run(self, *arguments: str, **options: str) -> subprocess.CompletedProcess:
        """Snakemake with these arguments, to its end; both streams as text in stdout."""
        return self.execute(self.command(*arguments, **options))

    def execute(self, command: list[str], **environment: str) -> subprocess.CompletedProcess:
        """A command in this folder, to its end; both streams as text in stdout."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment() | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=1800,
        )

    def jobs(self, **options: str) -> set[str]:
        """What a dry run would do: `train robust/focal/2` for a job with wildcards."""
        done = self.run("--dry-run", "--quiet", "host", "all", **options)
        assert done.returncode == 0, done.stdout
        found, rule = [], None
        for line in done.stdout.splitlines():
            words = line.split()
            if words[:1] in (["rule"], ["localrule"]):
                rule = words[1].rstrip(":")
                found.append(rule)
            elif words[:1] == ["wildcards:"] and rule:
                values = [word.split("=")[1].rstrip(",") for word in words[1:]]
                found[-1] = f"{rule} {'/'.join(values)}"
        assert len(found) == len(set(found))
        return set(found) - {"all"}

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


def copy_project(folder: Path) -> ProjectCopy:
    """Every file of the working tree that git tracks or would track, and the tiny experiment."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    copy = ProjectCopy(folder)
    copy.write("tiny.yaml", STUDY)
    return copy
