"""The public T1-CE set through the real workflow, from a local server that cuts connections."""

import pytest
from file_server import serving, zipped
from project_copy import copy_project
from unit import layouts

pytestmark = pytest.mark.slow

SOURCE = """\
experiment: net
source: {kind: cheng_mat}
identifiers: {names: keep}
"""


@pytest.fixture
def project(tmp_path):
    return copy_project(tmp_path / "project")


def test_a_download_goes_on_by_itself_and_is_not_repeated(project, tmp_path):
    members = [f"{number}.mat" for number in range(1, 10)]
    for number, name in enumerate(members):
        layouts.write_mat(tmp_path / "mat" / name, number, f"MR{number}", number % 3 + 1, side=64)
    content = zipped(*((name, (tmp_path / "mat" / name).read_bytes()) for name in members))
    data = tmp_path / "data"
    data.mkdir()
    planes = [f"{number}\taxial" for number in range(1, 10)]
    (data / "planes.tsv").write_text("\n".join(("case\tplane", *planes, "")), encoding="utf-8")
    project.write("net.yaml", f"{SOURCE}data_dir: {data}\n")
    with serving(content, "cut", "cut") as server:
        source = project.folder / "scripts" / "tumorseg" / "sources" / "cheng_mat.py"
        ours = ("a.zip", server.url, len(content), tuple(members))
        with source.open("a", encoding="utf-8") as file:
            file.write(f"\nARCHIVES = (Archive(*{ours!r}),)\n")

        def run():
            return project.run("results/net/cases.tsv", "--cores", "1", configfile="net.yaml")

        first = run()
        assert first.returncode == 0, first.stdout
        assert "imported 9 cases of 9 patients" in first.stdout
        assert len(server.ranges) == 3
        assert "Nothing to be done" in run().stdout
        (data / "planes.tsv").write_text("\n".join(("case\tplane", *planes, "10\taxial", "")))
        again = run().stdout
        assert "import_cases" in again
        assert "\ndownload\n" in first.stdout
        assert "\ndownload\n" not in again
        assert len(server.ranges) == 3
