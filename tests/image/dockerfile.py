"""Our own Dockerfile, read strictly: what this does not know, it refuses.

A reader of every Dockerfile would have to know much more; ours uses a few instructions, each in one
of its forms.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

KNOWN = {
    *("ARG", "CMD", "COPY", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN"),
    *("STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
}


class Refused(Exception):
    """An instruction, or a form of one, that is not known here; the message has the line."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction with its arguments as they are written, and its line."""

    name: str
    text: str
    line: int

    def words(self) -> list[str]:
        """Its arguments, without quotes around them."""
        return [
            re.sub(r'"([^"]*)"', r"\1", each)
            for each in re.findall(r'(?:[^\s"]|"[^"]*")+', self.text)
        ]

    def pairs(self) -> dict[str, str]:
        """NAME=VALUE, as ARG, ENV and LABEL have them."""
        if strange := [each for each in self.words() if "=" not in each]:
            raise Refused(f"line {self.line}: {self.name}: {strange[0]} is not NAME=VALUE")
        return dict(each.split("=", 1) for each in self.words())

    def exec_form(self) -> list[str]:
        """A JSON array, as CMD has it: no shell comes between."""
        found = json.loads(self.text)
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise Refused(f"line {self.line}: {self.name}: wants a JSON array of texts")
        return found


@dataclass(slots=True)
class Stage:
    """From one FROM to the next."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [each for each in self.instructions if each.name == name]

    def last(self, name: str) -> Instruction:
        return self.all(name)[-1]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """The ARGs before the first FROM, and the stages; the last is what runs."""

    arguments: dict[str, str]
    stages: list[Stage]


def read(path: Path) -> Dockerfile:
    """Read a Dockerfile. Raises Refused."""
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for each in _instructions(path.read_text(encoding="utf-8")):
        if each.name == "FROM":
            base, *alias = each.words()
            if alias and (len(alias) != 2 or alias[0].upper() != "AS"):
                raise Refused(f"line {each.line}: FROM: wants BASE, or BASE AS NAME")
            stages.append(Stage(expanded(base, arguments), alias[1] if alias else "final"))
        elif stages:
            stages[-1].instructions.append(each)
        elif each.name == "ARG":
            arguments |= each.pairs()
        else:
            raise Refused(f"line {each.line}: {each.name} before the first FROM")
    return Dockerfile(arguments, stages)


def _instructions(text: str) -> list[Instruction]:
    found: list[Instruction] = []
    begun, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or (not line.strip() and not begun):
            continue
        start = start if begun else number
        begun += line
        if begun.endswith("\\"):
            begun = begun[:-1]
            continue
        name, _, rest = begun.strip().partition(" ")
        if name not in KNOWN or "<<" in rest:
            raise Refused(f"line {start}: {name}: is not known here")
        found.append(Instruction(name, rest.strip(), start))
        begun = ""
    if begun:
        raise Refused(f"line {start}: is not ended")
    return found


def expanded(text: str, variables: dict[str, str]) -> str:
    """Put `${NAME}` and `$NAME` in. Raises Refused for a name that there is not."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in variables:
            raise Refused(f"there is no {name} here")
        return variables[name]

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, text)


def ignored(path: Path) -> "Ignored":
    """Read our .dockerignore: `*`, then `!NAME`, then `**/NAME`."""
    lines = [
        each
        for each in path.read_text(encoding="utf-8").splitlines()
        if each.strip() and not each.startswith("#")
    ]
    if lines[:1] != ["*"]:
        raise Refused(".dockerignore: wants `*` first, so that what is new is not sent along")
    if strange := [each for each in lines[1:] if not re.fullmatch(r"(!|\*\*/)[\w.-]+", each)]:
        raise Refused(f".dockerignore: {strange[0]}: is not known here")
    kept = {each[1:] for each in lines if each.startswith("!")}
    return Ignored(kept, {each[3:] for each in lines if each.startswith("**/")})


@dataclass(frozen=True, slots=True)
class Ignored:
    """What the builder is sent: the names at the top, without some names anywhere."""

    kept: set[str]
    never: set[str]

    def sends(self, name: str) -> bool:
        """Whether a file or folder at the top is sent."""
        return name in self.kept
