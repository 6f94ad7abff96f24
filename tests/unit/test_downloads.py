"""Promises of downloads, against a server on this machine that misbehaves as told."""

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
    """Starts servers, and stops them when the test is over."""
    with ExitStack() as stack:
        yield lambda content=GOOD, *moods: stack.enter_context(serving(content, *moods))


def archive(server, size=SIZE, members=MEMBERS):
    return Archive("a.zip", server.url, size, members)


def provide(server, folder, have=(), **how):
    downloads.provide(archive(server, **how), folder, set(have), timeout_s=0.5)


def refusal(server, folder, **how) -> str:
    with pytest.raises(DataError) as caught:
        provide(server, folder, **how)
    assert "\n" not in str(caught.value)
    return caught.value.problem.code


def assert_whole(folder):
    assert (folder / "a.zip").read_bytes() == GOOD
    assert [(folder / "a" / name).read_bytes() for name in MEMBERS] == NOISE
    assert sorted(path.name for path in folder.iterdir()) == ["SHA256SUMS", "a", "a.zip"]


def test_an_archive_is_downloaded_unpacked_and_its_sum_recorded(serve, tmp_path):
    server = serve()
    provide(server, tmp_path)
    assert_whole(tmp_path)
    assert downloads.recorded(tmp_path) == {"a.zip": downloads.sha256(tmp_path / "a.zip")}


def test_what_is_there_is_not_downloaded_again(serve, tmp_path):
    server = serve()
    provide(server, tmp_path)
    provide(server, tmp_path, have=MEMBERS)
    assert len(server.asked) == 1


def test_files_unpacked_by_hand_are_enough(serve, tmp_path):
    server = serve()
    provide(server, tmp_path, have=MEMBERS)
    assert not server.asked
    assert not list(tmp_path.iterdir())


def test_an_archive_put_there_by_hand_is_checked_and_used(serve, tmp_path):
    server = serve()
    (tmp_path / "a.zip").write_bytes(GOOD)
    provide(server, tmp_path)
    assert_whole(tmp_path)
    assert not server.asked


def test_a_part_put_there_by_hand_is_refused_and_kept(serve, tmp_path):
    (tmp_path / "a.zip").write_bytes(GOOD[:-5])
    assert refusal(serve(), tmp_path) == "download_broken"
    assert (tmp_path / "a.zip").is_file()
    assert not downloads.recorded(tmp_path)


@pytest.mark.parametrize("mood", ["cut", "stall"])
def test_a_broken_download_goes_on_where_it_ended(serve, tmp_path, mood):
    server = serve(GOOD, mood, mood)
    assert refusal(server, tmp_path) == "download_broken"
    first = (tmp_path / "a.zip.part").stat().st_size
    assert 0 < first < len(GOOD)
    assert refusal(server, tmp_path) == "download_broken"
    second = (tmp_path / "a.zip.part").stat().st_size
    assert second > first
    provide(server, tmp_path)
    assert server.asked == [None, f"bytes={first}-", f"bytes={second}-"]
    assert_whole(tmp_path)


def test_a_server_that_ignores_range_starts_again_and_doubles_nothing(serve, tmp_path):
    server = serve(GOOD, "cut", "ignore")
    refusal(server, tmp_path)
    provide(server, tmp_path)
    assert server.asked[1].startswith("bytes=")
    assert_whole(tmp_path)


def test_a_download_goes_on_through_a_redirection_as_figshares_do(serve, tmp_path):
    server = serve(GOOD, 302, "cut", 302)
    refusal(server, tmp_path)
    first = (tmp_path / "a.zip.part").stat().st_size
    provide(server, tmp_path)
    assert server.asked == [None, None, f"bytes={first}-", f"bytes={first}-"]
    assert_whole(tmp_path)


def test_a_busy_server_is_asked_again(serve, tmp_path):
    server = serve(GOOD, 503, 503)
    provide(server, tmp_path)
    assert len(server.asked) == 3
    assert_whole(tmp_path)


@pytest.mark.parametrize("status", [404, 403, 202])
def test_any_other_answer_than_the_file_is_one_line(serve, tmp_path, status):
    server = serve(GOOD, status)
    assert refusal(server, tmp_path) == "download_refused"
    assert len(server.asked) == 1
    provide(server, tmp_path)
    assert_whole(tmp_path)


def test_a_refusal_on_the_way_loses_nothing(serve, tmp_path):
    server = serve(GOOD, "cut", 404)
    refusal(server, tmp_path)
    there = (tmp_path / "a.zip.part").stat().st_size
    assert refusal(server, tmp_path) == "download_refused"
    provide(server, tmp_path)
    assert server.asked[-1] == f"bytes={there}-"
    assert_whole(tmp_path)


def test_a_part_longer_than_the_servers_file_is_dropped(serve, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(GOOD[:-1])
    assert refusal(serve(GOOD[:-1]), tmp_path) == "download_length"
    assert not list(tmp_path.iterdir())
    provide(serve(), tmp_path)
    assert_whole(tmp_path)


def test_nobody_there_is_one_line(tmp_path):
    server = Server(GOOD)
    server.server_close()
    assert refusal(server, tmp_path) == "download_broken"


def test_wrong_bytes_are_refused_and_not_recorded(serve, tmp_path):
    spoilt = bytearray(GOOD)
    spoilt[len(GOOD) // 2] ^= 1
    assert refusal(serve(bytes(spoilt)), tmp_path) == "download_damaged"
    assert not list(tmp_path.iterdir())
    provide(serve(), tmp_path)
    assert_whole(tmp_path)


def test_a_page_instead_of_the_file_is_refused(serve, tmp_path):
    page = b"<html>please log in</html>".ljust(len(GOOD))
    assert refusal(serve(page), tmp_path) == "download_damaged"


@pytest.mark.parametrize("mood", ["good", "unsized"])
@pytest.mark.parametrize("content", [GOOD + b"x", GOOD[:-1]], ids=["longer", "shorter"])
def test_another_length_is_refused(serve, tmp_path, content, mood):
    short = mood == "unsized" and len(content) < len(GOOD)
    expected = "download_broken" if short else "download_length"
    assert refusal(serve(content, mood), tmp_path) == expected
    assert not (tmp_path / "a.zip").exists()


def test_a_server_without_end_fills_no_disk(serve, tmp_path):
    assert refusal(serve(GOOD + bytes(10**7), "unsized"), tmp_path) == "download_length"
    assert not list(tmp_path.iterdir())


def test_a_file_changed_after_the_first_download_is_refused_for_good(serve, tmp_path):
    server = serve()
    provide(server, tmp_path)
    (tmp_path / "a.zip").write_bytes(zipped(*zip(MEMBERS, NOISE[::-1], strict=True)))
    for have in ((), MEMBERS):
        with pytest.raises(DataError, match=r"first download.*SHA256SUMS.*download_changed"):
            provide(server, tmp_path, have=have)


def test_another_file_from_the_server_later_is_refused(serve, tmp_path):
    provide(serve(), tmp_path)
    for path in (tmp_path / "a" / "1.mat", tmp_path / "a" / "2.mat", tmp_path / "a.zip"):
        path.unlink()
    (tmp_path / "a").rmdir()
    other = zipped(*zip(MEMBERS, NOISE[::-1], strict=True))
    assert len(other) == len(GOOD)
    assert refusal(serve(other), tmp_path) == "download_changed"
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
def test_a_zip_with_a_dangerous_name_is_refused_before_anything_is_unpacked(serve, tmp_path, name):
    bad = zipped((MEMBERS[0], b"good"), (MEMBERS[1], b"good"), (name, b"bad"))
    folder = tmp_path / "data"
    folder.mkdir()
    assert refusal(serve(bad), folder, size=len(bad)) == "archive_unsafe"
    assert [path.name for path in tmp_path.rglob("*")] == ["data"]


def test_a_bomb_is_refused_by_what_it_says_of_itself(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "UNPACKED_MAX", 2**20)
    bomb = zipped((MEMBERS[0], bytes(2**20)), (MEMBERS[1], b"x"))
    assert len(bomb) < 5000
    assert refusal(serve(bomb), tmp_path, size=len(bomb)) == "archive_unsafe"
    assert not list(tmp_path.iterdir())


def test_a_bomb_that_lies_about_its_size_is_damaged(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "UNPACKED_MAX", 2**20)
    bomb = bytearray(zipped((MEMBERS[0], bytes(2**22)), (MEMBERS[1], b"x")))
    for mark, place in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        start = bomb.index(mark) + place
        bomb[start : start + 4] = (1000).to_bytes(4, "little")
    assert refusal(serve(bytes(bomb)), tmp_path, size=len(bomb)) == "download_damaged"
    assert not list(tmp_path.iterdir())


def test_a_zip_without_a_wanted_file_leaves_no_folder(serve, tmp_path):
    with pytest.raises(DataError, match=r"lacks 1 of the files, 3\.mat"):
        provide(serve(), tmp_path, members=(*MEMBERS, "3.mat"))
    assert not (tmp_path / "a").exists()
    assert not list(tmp_path.glob(".tmp-*"))


def test_members_in_a_folder_come_out_flat_and_others_stay_inside(serve, tmp_path):
    nested = zipped(("set/1.mat", b"1"), ("set/2.mat", b"2"), ("__MACOSX/set/._3.mat", b"3"))
    provide(serve(nested), tmp_path, size=len(nested))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == list(MEMBERS)


def test_the_rule_downloads_what_is_missing_and_lists_what_there_is(serve, tmp_path, monkeypatch):
    server = serve()
    monkeypatch.setattr(cheng_mat, "ARCHIVES", (archive(server),))
    for _ in range(2):
        download.main(
            kind="cheng_mat", data_dir=str(tmp_path / "set"), downloaded=str(tmp_path / "list.tsv")
        )
    assert len(server.asked) == 1
    assert read_table(tmp_path / "list.tsv")["file"].tolist() == ["a.zip"]


def test_the_published_archives_hold_every_slice_once():
    members = [name for archive in cheng_mat.ARCHIVES for name in archive.members]
    assert sorted(members, key=lambda name: int(name[:-4])) == [f"{n}.mat" for n in range(1, 3065)]
    assert len({archive.url for archive in cheng_mat.ARCHIVES}) == 4
