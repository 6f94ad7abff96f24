"""Downloads, tested with a local server that misbehaves on request."""

import stat
import zipfile
from contextlib import ExitStack

import numpy as np
import pytest
from file_server import Server, serving, zipped

import download
from tumorseg.core.files import read_table
from tumorseg.core.problems import DataError
from tumorseg.data import downloads
from tumorseg.data.downloads import Archive
from tumorseg.sources import cheng_mat

MEMBERS = ("1.mat", "2.mat")


NOISE = [np.random.default_rng(n).bytes(60_000) for n in (1, 2)]
GOOD = zipped(*zip(MEMBERS, NOISE, strict=True))
SIZE = len(GOOD)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(downloads, "WAIT_S", 0.01)


@pytest.fixture
def serve():
    """Starts servers, and stops them after the test."""
    with ExitStack() as stack:
        yield lambda content=GOOD, *faults: stack.enter_context(serving(content, *faults))


def archive(server, size=SIZE, members=MEMBERS):
    return Archive("a.zip", server.url, size, members)


def provide(server, folder, have=(), **how):
    downloads.provide(archive(server, **how), folder, set(have), timeout_s=0.5)


def error_code(server, folder, **how) -> str:
    with pytest.raises(DataError) as caught:
        provide(server, folder, **how)
    assert "\n" not in str(caught.value)
    return caught.value.problem.code


def assert_complete(folder):
    assert (folder / "a.zip").read_bytes() == GOOD
    assert [(folder / "a" / name).read_bytes() for name in MEMBERS] == NOISE
    assert sorted(path.name for path in folder.iterdir()) == ["SHA256SUMS", "a", "a.zip"]


def test_an_archive_is_downloaded_unpacked_and_its_sum_recorded(serve, tmp_path):
    server = serve()
    provide(server, tmp_path)
    assert_complete(tmp_path)
    assert downloads.recorded(tmp_path) == {"a.zip": downloads.sha256(tmp_path / "a.zip")}


def test_an_existing_archive_is_not_downloaded_again(serve, tmp_path):
    server = serve()
    provide(server, tmp_path)
    provide(server, tmp_path, have=MEMBERS)
    assert len(server.ranges) == 1


def test_files_unpacked_by_hand_are_enough(serve, tmp_path):
    server = serve()
    provide(server, tmp_path, have=MEMBERS)
    assert not server.ranges
    assert not list(tmp_path.iterdir())


def test_an_archive_copied_by_hand_is_checked_and_used(serve, tmp_path):
    server = serve()
    (tmp_path / "a.zip").write_bytes(GOOD)
    provide(server, tmp_path)
    assert_complete(tmp_path)
    assert not server.ranges


def test_an_incomplete_archive_copied_by_hand_is_rejected_and_kept(serve, tmp_path):
    (tmp_path / "a.zip").write_bytes(GOOD[:-5])
    assert error_code(serve(), tmp_path) == "download_broken"
    assert (tmp_path / "a.zip").is_file()
    assert not downloads.recorded(tmp_path)


@pytest.mark.parametrize("mood", ["cut", "stall"])
def test_a_broken_download_is_resumed(serve, tmp_path, mood):
    server = serve(GOOD, mood, mood)
    assert error_code(server, tmp_path) == "download_broken"
    first = (tmp_path / "a.zip.part").stat().st_size
    assert 0 < first < len(GOOD)
    assert error_code(server, tmp_path) == "download_broken"
    second = (tmp_path / "a.zip.part").stat().st_size
    assert second > first
    provide(server, tmp_path)
    assert server.ranges == [None, f"bytes={first}-", f"bytes={second}-"]
    assert_complete(tmp_path)


def test_a_server_that_ignores_range_starts_the_file_again(serve, tmp_path):
    server = serve(GOOD, "cut", "ignore")
    error_code(server, tmp_path)
    provide(server, tmp_path)
    assert server.ranges[1].startswith("bytes=")
    assert_complete(tmp_path)


def test_a_download_is_resumed_through_a_redirection_like_figshares(serve, tmp_path):
    server = serve(GOOD, 302, "cut", 302)
    error_code(server, tmp_path)
    first = (tmp_path / "a.zip.part").stat().st_size
    provide(server, tmp_path)
    assert server.ranges == [None, None, f"bytes={first}-", f"bytes={first}-"]
    assert_complete(tmp_path)


def test_a_busy_server_is_asked_again(serve, tmp_path):
    server = serve(GOOD, 503, 503)
    provide(server, tmp_path)
    assert len(server.ranges) == 3
    assert_complete(tmp_path)


@pytest.mark.parametrize("status", [404, 403, 202])
def test_any_answer_but_the_file_is_one_error(serve, tmp_path, status):
    server = serve(GOOD, status)
    assert error_code(server, tmp_path) == "download_refused"
    assert len(server.ranges) == 1
    provide(server, tmp_path)
    assert_complete(tmp_path)


def test_a_refusal_after_a_partial_download_keeps_the_part(serve, tmp_path):
    server = serve(GOOD, "cut", 404)
    error_code(server, tmp_path)
    there = (tmp_path / "a.zip.part").stat().st_size
    assert error_code(server, tmp_path) == "download_refused"
    provide(server, tmp_path)
    assert server.ranges[-1] == f"bytes={there}-"
    assert_complete(tmp_path)


def test_a_part_longer_than_the_servers_file_is_deleted(serve, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(GOOD[:-1])
    assert error_code(serve(GOOD[:-1]), tmp_path) == "download_length"
    assert not list(tmp_path.iterdir())
    provide(serve(), tmp_path)
    assert_complete(tmp_path)


def test_an_unreachable_server_is_one_error(tmp_path):
    server = Server(GOOD)
    server.server_close()
    assert error_code(server, tmp_path) == "download_broken"


def test_damaged_bytes_are_rejected_and_not_recorded(serve, tmp_path):
    damaged = bytearray(GOOD)
    damaged[len(GOOD) // 2] ^= 1
    assert error_code(serve(bytes(damaged)), tmp_path) == "download_damaged"
    assert not list(tmp_path.iterdir())
    provide(serve(), tmp_path)
    assert_complete(tmp_path)


def test_a_web_page_instead_of_the_file_is_rejected(serve, tmp_path):
    page = b"<html>please log in</html>".ljust(len(GOOD))
    assert error_code(serve(page), tmp_path) == "download_damaged"


@pytest.mark.parametrize("mood", ["good", "unsized"])
@pytest.mark.parametrize("content", [GOOD + b"x", GOOD[:-1]], ids=["longer", "shorter"])
def test_a_wrong_length_is_rejected(serve, tmp_path, content, mood):
    short = mood == "unsized" and len(content) < len(GOOD)
    expected = "download_broken" if short else "download_length"
    assert error_code(serve(content, mood), tmp_path) == expected
    assert not (tmp_path / "a.zip").exists()


def test_an_endless_answer_is_cut_off(serve, tmp_path):
    assert error_code(serve(GOOD + bytes(10**7), "unsized"), tmp_path) == "download_length"
    assert not list(tmp_path.iterdir())


def test_a_file_changed_after_the_first_download_is_always_rejected(serve, tmp_path):
    server = serve()
    provide(server, tmp_path)
    (tmp_path / "a.zip").write_bytes(zipped(*zip(MEMBERS, NOISE[::-1], strict=True)))
    for have in ((), MEMBERS):
        with pytest.raises(DataError, match=r"first download.*SHA256SUMS.*download_changed"):
            provide(server, tmp_path, have=have)


def test_a_later_different_file_from_the_server_is_rejected(serve, tmp_path):
    provide(serve(), tmp_path)
    for path in (tmp_path / "a" / "1.mat", tmp_path / "a" / "2.mat", tmp_path / "a.zip"):
        path.unlink()
    (tmp_path / "a").rmdir()
    other = zipped(*zip(MEMBERS, NOISE[::-1], strict=True))
    assert len(other) == len(GOOD)
    assert error_code(serve(other), tmp_path) == "download_changed"
    assert not (tmp_path / "a").exists()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    "name",
    ["../1.mat", "a/../../1.mat", "/etc/1.mat", "C:\\1.mat", "..\\1.mat", "C:1.mat", link("x")],
    ids=str,
)
def test_a_zip_with_a_dangerous_name_is_rejected_before_unpacking(serve, tmp_path, name):
    bad = zipped((MEMBERS[0], b"good"), (MEMBERS[1], b"good"), (name, b"bad"))
    folder = tmp_path / "data"
    folder.mkdir()
    assert error_code(serve(bad), folder, size=len(bad)) == "archive_unsafe"
    assert [path.name for path in tmp_path.rglob("*")] == ["data"]


def test_a_zip_bomb_is_rejected_by_its_stated_size(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "UNPACKED_MAX", 2**20)
    bomb = zipped((MEMBERS[0], bytes(2**20)), (MEMBERS[1], b"x"))
    assert len(bomb) < 5000
    assert error_code(serve(bomb), tmp_path, size=len(bomb)) == "archive_unsafe"
    assert not list(tmp_path.iterdir())


def test_a_zip_bomb_that_states_a_wrong_size_is_rejected_as_damaged(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "UNPACKED_MAX", 2**20)
    bomb = bytearray(zipped((MEMBERS[0], bytes(2**22)), (MEMBERS[1], b"x")))
    for mark, place in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        start = bomb.index(mark) + place
        bomb[start : start + 4] = (1000).to_bytes(4, "little")
    assert error_code(serve(bytes(bomb)), tmp_path, size=len(bomb)) == "download_damaged"
    assert not list(tmp_path.iterdir())


def test_a_zip_without_a_needed_file_leaves_no_folder(serve, tmp_path):
    with pytest.raises(DataError, match=r"1 of the files are missing, such as 3\.mat"):
        provide(serve(), tmp_path, members=(*MEMBERS, "3.mat"))
    assert not (tmp_path / "a").exists()
    assert not list(tmp_path.glob(".tmp-*"))


def test_only_needed_members_are_unpacked_and_without_their_folders(serve, tmp_path):
    nested = zipped(("set/1.mat", b"1"), ("set/2.mat", b"2"), ("__MACOSX/set/._3.mat", b"3"))
    provide(serve(nested), tmp_path, size=len(nested))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == list(MEMBERS)


def test_the_script_downloads_missing_archives_and_lists_all(serve, tmp_path, monkeypatch):
    server = serve()
    monkeypatch.setattr(cheng_mat, "ARCHIVES", (archive(server),))
    for _ in range(2):
        download.main(
            kind="cheng_mat", data_dir=str(tmp_path / "set"), downloaded=str(tmp_path / "list.tsv")
        )
    assert len(server.ranges) == 1
    assert read_table(tmp_path / "list.tsv")["file"].tolist() == ["a.zip"]


def test_the_published_archives_contain_every_slice_once():
    members = [name for archive in cheng_mat.ARCHIVES for name in archive.members]
    assert sorted(members, key=lambda name: int(name[:-4])) == [f"{n}.mat" for n in range(1, 3065)]
    assert len({archive.url for archive in cheng_mat.ARCHIVES}) == 4
