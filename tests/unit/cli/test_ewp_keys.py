"""`erasmus-app ewp keys` and `feed-token`: made for one reader, never over another."""

import hashlib
from pathlib import Path

import pytest

from erasmus_app.cli import main
from ewp.keys import PrivateKey


@pytest.mark.parametrize("bits", [2048, 3072])
def test_a_new_key_is_its_owners_alone_and_is_shown_as_a_manifest_carries_it(
    bits: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "key.pem"

    assert main(["ewp", "keys", "new", str(path), "--bits", str(bits)]) == 0
    key = PrivateKey.from_pem(path.read_bytes())
    assert capsys.readouterr().out == f"{key.key_id}\n"
    assert (path.stat().st_mode & 0o777, key._key.key_size) == (0o600, bits)

    assert main(["ewp", "keys", "show", str(path)]) == 0
    assert capsys.readouterr().out == f"{key.key_id}\n{key.public.to_base64_der()}\n"


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "key.pem"
    path.write_text("precious")
    (tmp_path / "link.pem").symlink_to(tmp_path / "nowhere.pem")

    for each in (path, tmp_path / "link.pem"):
        assert main(["ewp", "keys", "new", str(each)]) == 2
        words = f"erasmus-app: {each} is there already; a key is never overwritten\n"
        assert capsys.readouterr() == ("", words)
    assert path.read_text() == "precious"
    assert not (tmp_path / "nowhere.pem").exists()


def test_a_file_that_is_no_key_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "key.pem"

    assert main(["ewp", "keys", "show", str(path)]) == 2
    assert capsys.readouterr() == ("", f"erasmus-app: {path}: No such file or directory\n")


@pytest.mark.parametrize(
    "line",
    [
        "keys new k.pem --bits 1024",
        "index omobilities a.example --since yesterday",
        "index omobilities a.example --since 2026-01-01T00:00:00",
        "index omobilities a.example nonsense",
        "manifest",
        "manifest a.example --check https://a.example/m.xml",
    ],
)
def test_what_cannot_be_meant_is_refused_by_the_parser(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["ewp", *line.split()])

    assert ended.value.code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_token_is_another_each_time_and_comes_with_the_hash_for_the_file(
    capsys: pytest.CaptureFixture[str],
):
    tokens = set()
    for _ in range(2):
        assert main(["ewp", "feed-token"]) == 0
        (_, token), (_, hashed) = map(str.split, capsys.readouterr().out.splitlines())
        assert hashed == hashlib.sha256(token.encode()).hexdigest()
        tokens.add(token)
    assert len(tokens) == 2
    assert all(len(each) >= 43 for each in tokens)  # 256 bits
