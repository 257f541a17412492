"""What the Dockerfile promises, as far as its text shows; `make check-image` runs its steps."""

import re
from pathlib import Path

import pytest
from image.dockerfile import Refused, ignored, read

from erasmus_app.cli import _parser

ROOT = Path(__file__).parents[2]
RECIPE = read(ROOT / "Dockerfile")
BUILDER, FINAL = RECIPE.stages


def test_what_runs_has_none_of_what_builds():
    steps = " ".join(each.text for each in FINAL.all("RUN"))

    assert re.findall(r"\bpip (\w+)", steps) == ["uninstall"]
    assert not re.search(r"\bapt(-get)?\b|\bcurl\b|\bwget\b|\bgcc\b", steps)
    copied = [each.words() for each in FINAL.all("COPY")]
    assert copied == [["--from=builder", "/opt/erasmus-app", "/opt/erasmus-app"]]


def test_everything_that_is_installed_is_pinned_by_its_hash():
    for step in BUILDER.all("RUN"):
        for install in re.findall(r"\bpip (?:--python \S+ )?install[^;&]*", step.text):
            pinned = "--require-hashes" in install and " -r requirements/" in install
            assert pinned or "--no-index" in install


def test_it_runs_as_nobody_special_and_ends_as_it_is_told():
    assert FINAL.last("USER").text == "10001:10001"
    assert FINAL.last("STOPSIGNAL").text == "SIGTERM"
    assert FINAL.last("VOLUME").exec_form() == ["/data"]
    assert FINAL.instructions.index(FINAL.last("USER")) > FINAL.instructions.index(
        FINAL.last("RUN")
    )


def test_what_it_starts_and_asks_is_a_command_of_ours():
    health = FINAL.last("HEALTHCHECK").text.partition("CMD ")[2]
    for command in (FINAL.last("CMD").text, health):
        name, *arguments = [each.strip('"') for each in command.strip("[]").split(", ")]
        assert name == "erasmus-app"
        _parser().parse_args(arguments)


def test_it_says_what_it_is():
    labels = {
        name.removeprefix("org.opencontainers.image.") for name in FINAL.last("LABEL").pairs()
    }

    assert labels == {"title", "description", "licenses", "version", "revision"}
    assert RECIPE.arguments["BASE"].startswith("python:3.")


def test_only_what_is_copied_is_sent_to_the_builder():
    sent = ignored(ROOT / ".dockerignore")
    copied = {Path(name).parts[0] for each in BUILDER.all("COPY") for name in each.words()[:-1]}

    assert sent.kept == copied
    assert all((ROOT / each).exists() for each in copied)
    assert not any(map(sent.sends, (".env", "keys", "secrets", ".git", ".venv")))


@pytest.mark.parametrize(
    "text",
    ["ADD x y", "FROM a as", "RUN x", "FROM a\nRUN x \\", "FROM a\nRUN <<EOF", "FROM ${NONE}"],
)
def test_the_reader_refuses_what_it_does_not_know(tmp_path: Path, text: str):
    path = tmp_path / "Dockerfile"
    path.write_text(text)

    with pytest.raises(Refused):
        read(path)
