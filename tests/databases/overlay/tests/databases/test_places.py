"""The folders of servers, and the account that they run as."""

import os
from pathlib import Path

import pytest

from dev.postgres import PostgresError, places

SOMEBODY = places.Account("somebody", user=123456, group=123456)


def test_an_account_reaches_a_folder_that_everybody_can_read() -> None:
    assert places.reachable(Path("/usr/lib"), SOMEBODY)


def test_an_account_does_not_reach_a_private_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert not places.reachable(tmp_path, SOMEBODY)


def test_an_account_does_not_reach_what_is_below_a_private_folder(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir(mode=0o755)
    tmp_path.chmod(0o700)
    assert not places.reachable(below, SOMEBODY)


def test_a_link_is_as_reachable_as_what_it_points_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    link = tmp_path / "link"
    link.symlink_to("/usr/lib")
    assert places.reachable(link, SOMEBODY)


def test_the_user_of_this_process_reaches_everything(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert places.reachable(tmp_path, None)


def test_a_folder_of_another_account_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".postgres").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY.user)
    with pytest.raises(PostgresError, match="belongs to you"):
        places.project_folder(tmp_path, None)


def test_a_folder_of_the_servers_account_is_rejected_with_how_to_take_it_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".postgres").mkdir()
    account = places.Account("somebody", user=os.geteuid(), group=os.getegid())
    monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY.user)
    monkeypatch.setattr(places, "reachable", lambda *_: True)
    with pytest.raises(PostgresError, match=r"belongs to somebody.*chown -h root \.postgres"):
        places.project_folder(tmp_path, account)


def test_a_link_instead_of_a_folder_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".postgres").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PostgresError, match=r"\.postgres"):
        places.project_folder(tmp_path, None)


def test_a_file_instead_of_a_folder_is_rejected(tmp_path: Path) -> None:
    (tmp_path / ".postgres").touch()
    with pytest.raises(PostgresError, match=r"\.postgres"):
        places.project_folder(tmp_path, None)


def test_the_data_of_a_project_is_private(tmp_path: Path) -> None:
    old_mask = os.umask(0)
    try:
        assert places.project_folder(tmp_path, None).stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(old_mask)


def test_the_data_of_a_project_that_the_server_cannot_reach_is_kept_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(os, "chown", lambda *_: None)
    folder = places.project_folder(tmp_path, SOMEBODY)
    try:
        assert not folder.is_relative_to(tmp_path)
        assert tmp_path.name in folder.name
    finally:
        folder.rmdir()


def test_an_error_lists_all_folders_that_were_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places, "reachable", lambda *_: False)
    with pytest.raises(PostgresError, match="/tmp"):
        places.temporary_home(SOMEBODY, programs=False, socket=True)
