"""Secrets that are made once, whoever comes first."""

import stat
from pathlib import Path

import pytest

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
    with pytest.raises(OSError, match="file"):
        made_once(tmp_path / "file" / "secret", lambda: b"")
