"""compose.yaml: by the specification's schema, and as this program's settings and commands are."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from image.dockerfile import read
from jsonschema import Draft202012Validator

from erasmus_app.cli import _parser
from erasmus_app.settings.reading import NAMES

ROOT = Path(__file__).parents[2]
SCHEMA = Path(__file__).parent / "compose/compose-spec.json"
FILE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name for name, each in SERVICES.items() if each["image"].startswith("erasmus-app:")}
OTHERS_COMMANDS = {"pg_isready", "valkey-cli", "valkey-server"}  # of the engines' images


def environment(service: str) -> dict[str, str]:
    return SERVICES[service].get("environment", {})


def test_it_is_what_the_specification_allows():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    allowed = Draft202012Validator(schema)

    assert [error.message for error in allowed.iter_errors(FILE)] == []
    assert not allowed.is_valid(FILE | {"services": {"api": {"imagine": "x"}}})


def test_the_schema_is_the_published_one():
    about = (SCHEMA.parent / "README.md").read_text(encoding="utf-8")

    assert hashlib.sha256(SCHEMA.read_bytes()).hexdigest() in about


@pytest.mark.parametrize("service", sorted(OURS))
def test_every_name_in_the_environment_is_a_setting(service: str):
    names = {name for name in environment(service) if name.startswith("ERASMUS")}
    settings = {f"ERASMUS_APP_{each.upper()}" for each in NAMES}

    assert names - settings == set()
    assert set(environment(service)) - names <= {"SANDBOX_LOGIN"}


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_secret_comes_from_a_file_that_the_service_is_given(service: str):
    files = {value for name, value in environment(service).items() if name.endswith("_FILE")}
    given = SERVICES[service].get("secrets", [])

    assert files == {f"/run/secrets/{each}" for each in given}
    assert set(given) <= FILE["secrets"].keys()
    for name, value in environment(service).items():
        assert "PASSWORD" not in name or name.endswith("_FILE")
        assert "@" not in value, f"{name} may hold a secret"


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_service_is_shut_in_bounded_and_watched(service: str):
    of = SERVICES[service]
    limits = of["deploy"]["resources"]["limits"]

    assert of["read_only"] is True
    assert of["cap_drop"] == ["ALL"]
    assert of["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp" in of["tmpfs"]
    assert limits.keys() == {"cpus", "memory", "pids"}
    assert of["logging"]["options"].keys() == {"max-size", "max-file"}
    assert "privileged" not in of
    assert of.get("restart") == ("no" if service in {"migrate", "sandbox"} else "unless-stopped")
    assert service == "migrate" or of["healthcheck"]["test"][0] == "CMD"
    assert int(of["stop_grace_period"].removesuffix("s")) >= 15


def commands() -> list[list[str]]:
    found = [each["command"] for each in SERVICES.values() if "command" in each]
    return found + [
        each["healthcheck"]["test"][1:]
        for each in SERVICES.values()
        if "test" in each["healthcheck"]
    ]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_is_one_that_there_is(command: list[str]):
    if command[0] == "erasmus-app":
        _parser().parse_args(command[1:])
    else:
        assert command[0] in OTHERS_COMMANDS


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_everything_that_a_service_names_is_there(service: str):
    of = SERVICES[service]

    for other, how in of.get("depends_on", {}).items():
        condition = how["condition"]
        ends = SERVICES[other]["restart"] == "no"
        assert condition == ("service_completed_successfully" if ends else "service_healthy")
        assert other not in OURS or "profiles" not in SERVICES[other]
    assert set(of["networks"]) <= FILE["networks"].keys()
    named = {each.partition(":")[0] for each in of.get("volumes", []) if each[0] not in "./"}
    assert named <= FILE["volumes"].keys()


def test_the_engines_are_reached_by_nobody_outside():
    assert FILE["networks"]["engines"] == {"internal": True}
    for engine in ("postgres", "valkey"):
        assert SERVICES[engine]["networks"] == ["engines"]
        assert "ports" not in SERVICES[engine]
    published = [port for each in SERVICES.values() for port in each.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_volumes_are_where_the_image_may_write():
    image = read(ROOT / "Dockerfile").stages[-1]
    (folder,) = image.last("VOLUME").exec_form()
    assert msgspec.json.decode(image.last("VOLUME").text) == [folder]

    for service in OURS:
        assert environment(service)["ERASMUS_APP_DATA_DIR"] == folder
        writable = [each for each in SERVICES[service]["volumes"] if not each.endswith(":ro")]
        assert [each.partition(":")[2] for each in writable] == [folder]
