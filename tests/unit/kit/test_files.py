"""Secrets that are made once, whoever comes first."""

import resource
import stat
from pathlib import Path

import pytest

from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.files import made_once


def test_a_file_is_made_once_and_for_its_owner_alone(tmp_path: Path):
    path = tmp_path / "not yet" / "secret"

    assert made_once(path, lambda: b"first") == path
    assert made_once(path, lambda: pytest.fail("is there already")) == path
    assert path.read_bytes() == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_came_meanwhile_stays(tmp_path: Path):
    path = tmp_path / "secret"

    def late() -> bytes:
        path.write_bytes(b"theirs")
        return b"ours"

    made_once(path, late)

    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_made_is_told_and_leaves_nothing(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsInvalid, match="file"):
        made_once(tmp_path / "file" / "secret", lambda: b"")


def test_a_file_for_which_there_is_no_room_is_not_there_at_all(tmp_path: Path):
    was = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, was[1]))
    try:
        with pytest.raises(SettingsInvalid, match=r"^ERASMUS_APP_DATA_DIR: .*/key cannot be made"):
            made_once(tmp_path / "key", lambda: b"k" * 11)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, was)
    assert list(tmp_path.iterdir()) == []
    assert made_once(tmp_path / "key", lambda: b"k" * 11).read_bytes() == b"k" * 11
