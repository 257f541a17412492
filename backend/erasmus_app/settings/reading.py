"""Reading the settings: from the environment, a TOML file, and files of secrets."""

import difflib
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.settings.model import PREFIX, SECRETS, Settings, faults_of
from erasmus_app.settings.values import TYPES, from_variable, path_of, secret_of, value_of

CONFIG = f"{PREFIX}CONFIG"
FILE = "_file"
NAMES = (*TYPES, *sorted(f"{each}{FILE}" for each in SECRETS))
NEAR = 0.85  # how like one of ours a variable of another prefix must be to be taken for a typo


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: settings, with defaults where something is wrong, and a line for each fault.

    `files` are those that secrets were read from, by the names that named them.
    """

    settings: Settings
    faults: tuple[str, ...]
    files: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as a place has it, under the name that it has there."""

    name: str
    value: Any


@dataclass(slots=True)
class _Place:
    """A place that settings come from: what it gives by field, and what is wrong with it."""

    given: dict[str, _Given] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def take(self, key: str, value: Any, name: str, spelled: Callable[[str], str]) -> None:
        """Take one; `spelled` writes a setting as it is written in this place."""
        if key in NAMES:
            self.given[key] = _Given(name, value)
            return
        near = difflib.get_close_matches(key, NAMES, n=1)
        hint = f"; did you mean {spelled(near[0])}?" if near else ""
        self.faults.append(f"{name}: there is no such setting{hint}")

    def one_each(self) -> None:
        """Refuse a secret that comes by itself and by its file."""
        for each in sorted(SECRETS):
            if each in self.given and f"{each}{FILE}" in self.given:
                file = self.given.pop(f"{each}{FILE}")
                self.faults.append(f"{self.given[each].name} and {file.name}: give one of the two")


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings from `environment` and the files that it may name.

    Raises:
        SettingsInvalid: a name or a value is wrong; the message is one line that says which.
    """
    reading = read_settings(environment)
    if reading.faults:
        raise SettingsInvalid(reading.faults[0])
    return reading.settings


def read_settings(environment: Mapping[str, str]) -> Reading:
    """Read the settings, and go on where one is wrong."""
    variables = _Place()
    for name, value in environment.items():
        if name.startswith(PREFIX) and name != CONFIG:
            key = name.removeprefix(PREFIX).lower()
            variables.take(key, from_variable(key, value), name, _variable)
        elif (meant := _misspelled(name)) is not None:
            variables.faults.append(f"{name}: is not read; did you mean {meant}?")
    file = _Place()
    if config := environment.get(CONFIG):
        _from_file(config, file)
    file.one_each()
    variables.one_each()
    for each in variables.given:  # the environment wins, in whichever of its two ways it says it
        file.given.pop(each, None)
        file.given.pop(each.removesuffix(FILE) if each.endswith(FILE) else f"{each}{FILE}", None)
    faults = [*file.faults, *variables.faults]
    values: dict[str, Any] = {}
    files: dict[str, Path] = {}
    for key, given in (file.given | variables.given).items():
        of_file = key not in TYPES
        setting = key.removesuffix(FILE) if of_file else key
        name = _variable(key)
        try:
            raw = given.value
            if of_file:
                files[name] = _path(raw)
                raw = secret_of(files[name])
            values[setting] = value_of(setting, raw)
        except ValueError as error:
            faults.append(f"{name}: {error}")
    settings = Settings(**values)
    faults.extend(f"{_variable(name)}: {words}" for name, words in faults_of(settings))
    return Reading(settings, tuple(map(_one_line, dict.fromkeys(faults))), files)


def exposed(reading: Reading, config: str | None = None) -> Iterator[str]:
    """Name files of secrets and keys that everybody on this machine may read or write.

    That is no fault: Kubernetes and Docker lay them so, inside a container that has one user.
    """
    named = dict(reading.files)
    for each in msgspec.structs.fields(Settings):
        if isinstance(path := getattr(reading.settings, each.name), Path) and _is_secret(each.name):
            named[_variable(each.name)] = path
    if config:
        named[CONFIG] = Path(config)
    for name, path in named.items():
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError):
            continue
        if stat.S_ISREG(mode) and mode & 0o006:
            may = "write" if mode & 0o002 else "read"
            yield _one_line(f"{name}: everybody on this machine may {may} {path}; chmod 600 it")


def _is_secret(name: str) -> bool:
    """Whether a file that a setting names is nobody else's business, as far as its name says."""
    return name.endswith(("_token", "_secret", "_key", "_keys", "_credentials", "_providers"))


def _from_file(config: str, place: _Place) -> None:
    try:
        path = path_of(Path, config)
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # tomllib's and UTF-8's are of the latter
        place.faults.append(f"{CONFIG}: {config}: {error}")
        return
    for key, value in content.items():
        place.take(key, value, f"{CONFIG}: {path}: {key}", str)


def _path(raw: Any) -> Path:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("wants the path of a file")
    return path_of(Path, raw)


def _variable(key: str) -> str:
    return PREFIX + key.upper()


_VARIABLES = {_variable(each): each for each in (*NAMES, "config")}


def _misspelled(name: str) -> str | None:
    """Return which setting a variable of another prefix was meant to be: ERASMUS_DATABASE_URL."""
    if name == CONFIG or not name.upper().startswith("ERASMUS"):
        return None
    near = difflib.get_close_matches(name.upper(), _VARIABLES, n=1, cutoff=NEAR)
    return near[0] if near else None


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
