"""Rules of an HEI in a file: many at once, as an office has them in its handbook."""

import tomllib
from pathlib import Path

import msgspec

from erasmus_app.errors import RuleFileInvalid, RuleInvalid
from erasmus_app.ids import HeiId
from erasmus_app.mobilities.local_rules import RuleContent
from erasmus_app.mobilities.rule_checks import Written, content_of
from erasmus_app.mobilities.rule_service import MOST, Invalid, Overlap, Refusal

LONGEST = 1_000_000  # bytes


class RuleFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file says: whose rules, and each as it is written."""

    hei: HeiId
    rule: list[Written]


def read_rules(path: Path) -> tuple[HeiId, list[RuleContent]]:
    """Read a file of rules; whether each can be right is `RuleService.bring`'s to see.

    Raises:
        RuleFileInvalid: it cannot be read; the message says where.
    """
    try:
        if path.stat().st_size > LONGEST:
            raise RuleFileInvalid(f"{path}: is longer than {LONGEST} bytes")
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), RuleFile)
    except (OSError, ValueError) as error:
        raise RuleFileInvalid(f"{path}: {error}") from error
    if len(found.rule) > MOST:
        raise RuleFileInvalid(f"{path}: has {len(found.rule)} rules, at most {MOST} go at once")
    contents = []
    for number, each in enumerate(found.rule, 1):
        try:
            contents.append(content_of(each))
        except RuleInvalid as error:
            raise RuleFileInvalid(f"{path}: rule {number}: {error.field}: {error}") from error
    return found.hei, contents


def told(refusal: Refusal) -> list[str]:
    """Say what is wrong with a rule, a line each."""
    match refusal:
        case Invalid(problems):
            return [f"{each.field}: {each.reason} ({each.code})" for each in problems]
        case Overlap(other):
            name, rule = other.content.name, other.rule_id
            return [f"overlaps more than one rule, of which one is {rule} ({name})"]
    raise TypeError(refusal)  # a file neither names rules nor versions
