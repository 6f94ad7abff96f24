"""The workflow's jobs without running them: what each is made from, and which an edit re-runs.

Snakemake runs a job again when its parameters or inputs change, or when a job before it runs. Each
rule has the parameter `code`, a digest of its script and of all that it imports, so the answer for
an edited file follows from the digests and the graph alone. `load` reads the graphs in a process of
their own, half a second each; `Code` computes the digests of edited files.
"""

import ast
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree
from types import ModuleType

TARGETS = ("all", "predict")
ON_DEMAND = {"export_model", "predict"}  # jobs that `all` does not need


@dataclass(frozen=True)
class Job:
    """A job, and all that decides whether it runs again; ancient inputs do not.

    script: its file's name, empty for a rule without; arguments: the names it is called with.
    """

    inputs: frozenset[str]
    outputs: frozenset[str]
    params: frozenset[str]
    # Code digests among its params, with their arguments: a script, and modules that a rule names.
    codes: tuple[tuple[str, tuple[str, ...]], ...]
    script: str = field(default="", compare=False)
    arguments: frozenset[str] = field(default=frozenset(), compare=False)
    logs: frozenset[str] = field(default=frozenset(), compare=False)
    local: bool = field(default=False, compare=False)  # runs where Snakemake was started


@dataclass(frozen=True)
class Graph:
    """The jobs of one config: `train robust/focal/1/2` for a rule and its wildcards."""

    jobs: dict[str, Job]

    def with_followers(self, changed: set[str]) -> set[str]:
        """The changed jobs, and every job that needs an output of one of them."""
        found, waiting = set(changed), list(changed)
        while waiting:
            made = self.jobs[waiting.pop()].outputs
            new = {name for name, job in self.jobs.items() if job.inputs & made} - found
            found |= new
            waiting += new
        return found

    def after(self, before: "Graph") -> set[str]:
        """The jobs that run when this graph's config takes the place of a finished one's."""
        return self.with_followers(
            {name for name, job in self.jobs.items() if before.jobs.get(name) != job}
        )

    def with_file_edited(self, path: str) -> set[str]:
        """The jobs that run when an input that no job makes is newer."""
        return self.with_followers({name for name, job in self.jobs.items() if path in job.inputs})


@dataclass(frozen=True)
class Variant:
    """The text of a config, and files that stand in the tree while it is read.

    prefix: of the keys in the storage of tests, where no files are shared.
    """

    config: str
    files: dict[str, str] = field(default_factory=dict)
    prefix: str = ""


def load(folder: Path, variants: dict[str, Variant]) -> dict[str, Graph]:
    """The graph of each variant in a copy of the project, read by one Snakemake process."""
    texts = {name: vars(variant) for name, variant in variants.items()}
    done = subprocess.run(
        [sys.executable, __file__],
        cwd=folder,
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    return {name: Graph(_jobs(jobs)) for name, jobs in answer.items()}


def _jobs(answer: dict[str, dict]) -> dict[str, Job]:
    return {
        name: Job(
            *(frozenset(job[key]) for key in ("inputs", "outputs", "params")),
            tuple((digest, tuple(given)) for digest, given in job["codes"]),
            job["script"],
            frozenset(job["arguments"]),
            frozenset(job["logs"]),
            job["local"],
        )
        for name, job in answer.items()
    }


class Code:
    """A copy of scripts/ in which files can be edited and digests computed again."""

    def __init__(self, scripts: Path, folder: Path) -> None:
        self.folder = Path(copytree(scripts, folder / "scripts"))
        self.digests = self._own_module()
        parse = self.digests._parsed.__wrapped__
        self._modules: dict[Path, tuple] = {}

        def parsed(path: Path) -> tuple:
            if path not in self._modules:  # a file is parsed again only where it was edited
                self._modules[path] = parse(path)
            return self._modules[path]

        self.digests._parsed = parsed

    def _own_module(self) -> ModuleType:
        """code_digest, reading the copy; the imported one that other tests use stays as it is."""
        path = self.folder / "tumorseg/workflow/code_digest.py"
        spec = importlib.util.spec_from_file_location("code_digest_of_copy", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.SCRIPTS = self.folder
        return module

    @contextmanager
    def edited(self, changes: dict[str, Callable[[str], str]]) -> Iterator[None]:
        """Files below scripts/ with these changes, and afterwards as they were."""
        before = {}
        for name, change in changes.items():
            path = self.folder / name
            before[path] = path.read_text(encoding="utf-8")
            path.write_text(change(before[path]), encoding="utf-8")
            self._modules.pop(path, None)
        try:
            yield
        finally:
            for path, text in before.items():
                path.write_text(text, encoding="utf-8")
                self._modules.pop(path, None)

    def changed(self, graph: Graph) -> set[str]:
        """The jobs whose digest is another than in the graph, and all that follow them."""
        codes = {code for job in graph.jobs.values() for code in job.codes}
        other = {code for code in codes if self.digests.code_digest(*code[1]) != code[0]}
        return graph.with_followers(
            {name for name, job in graph.jobs.items() if other.intersection(job.codes)}
        )


def other_words(text: str) -> str:
    """A module with the same code: no comments, other docstrings, other words in raised errors."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and " " in str(part.value):
                    part.value = f"in other words {part.value}"
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            body[0].value.value = "In other words."
    return ast.unparse(tree)


def _main() -> None:
    """Reads variants from stdin and prints their graphs; runs in a copy of the project."""
    sys.path.insert(0, str(Path("scripts").resolve()))
    from snakemake.api import SnakemakeApi
    from snakemake.io import is_flagged
    from snakemake.settings.types import (
        ConfigSettings,
        DAGSettings,
        OutputSettings,
        Quietness,
        ResourceSettings,
        StorageSettings,
    )

    from tumorseg.workflow import code_digest

    arguments: dict[str, tuple[str, ...]] = {}
    compute = code_digest.code_digest

    def recorded(*given: str) -> str:
        digest = compute(*given)
        arguments[digest] = given
        return digest

    code_digest.code_digest = recorded

    def parts(job) -> tuple:
        return job.input, job.output, job.params

    def described(workflow, job) -> dict:
        params = [str(value) for value in workflow.persistence._params(job)]
        text = " ".join(params)
        return {
            "inputs": [path for path in job.input if not is_flagged(path, "ancient")],
            # A benchmark is written by a job and read by another one, as an output is.
            "outputs": [*job.output, *filter(None, [job.benchmark])],
            "params": params,
            "codes": [item for item in arguments.items() if item[0] in text],
            "script": Path(job.rule.script or "").name,
            "arguments": [key for part in parts(job) for key, _ in part.items()],
            "logs": list(job.log),
            "local": job.rule.name in workflow._localrules,
        }

    def graph(config: str, prefix: str) -> dict[str, dict]:
        storage = StorageSettings()
        if prefix:
            os.environ["SHELF"] = "shelf"  # a folder that is not there: nothing is stored yet
            storage = StorageSettings("shelf", f"shelf://{prefix}", shared_fs_usage=frozenset())
        Path("graph.yaml").write_text(config, encoding="utf-8")
        with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as snakemake:
            settings = ConfigSettings(config={"images": "images"}, configfiles=[Path("graph.yaml")])
            loaded = snakemake.workflow(
                ResourceSettings(cores=1), config_settings=settings, storage_settings=storage
            )
            loaded.dag(DAGSettings(targets=set(TARGETS)))
            workflow = loaded._workflow
            workflow._prepare_dag(
                forceall=True, ignore_incomplete=True, lock_warn_only=True, nolock=True
            )
            workflow._build_dag()
            jobs = [job for job in workflow.dag.jobs if not job.rule.norun]
            return {
                " ".join(filter(None, (job.rule.name, "/".join(job.wildcards)))): described(
                    workflow, job
                )
                for job in jobs
            }

    answer = {}
    for name, variant in json.load(sys.stdin).items():
        for path, text in variant["files"].items():
            Path(path).write_text(text, encoding="utf-8")
        answer[name] = graph(variant["config"], variant["prefix"])
        for path in variant["files"]:
            Path(path).unlink()
    print(json.dumps(answer))


if __name__ == "__main__":
    _main()
