"""`erasmus-app rules`: an HEI's rules of deadlines, listed, checked and brought as a file."""

import argparse
import sys

from erasmus_app.cli.student import opened
from erasmus_app.ids import HeiId
from erasmus_app.kit.clock import utc_now
from erasmus_app.mobilities.basis import Absolute, Annual, Basis
from erasmus_app.mobilities.local_rules import LocalRule, RuleContent, Scope
from erasmus_app.mobilities.rule_files import read_rules, told
from erasmus_app.mobilities.rule_service import Refusal, RuleService, wrong_in
from erasmus_app.settings import Settings, load_heis
from erasmus_app.store.deadline_rules import RuleTable


def check(given: argparse.Namespace) -> int:
    """Say what is wrong with a file, without any database; status 1 where something is."""
    hei, contents = read_rules(given.file)
    if wrong := wrong_in(contents):
        return _refused(wrong)
    print(f"{len(contents)} rules of {hei} could be right.")
    return 0


async def run(given: argparse.Namespace, settings: Settings) -> int:
    """List rules, or bring those of a file: all of them, or none and status 1."""
    heis = load_heis(settings.ewp_heis)
    if given.what == "list":
        async with opened(settings) as database:
            table = RuleTable(database)
            for hei in [HeiId(given.hei)] if given.hei else sorted(heis):
                shown = set()
                for each in await table.history(hei):  # of each rule, the newest first
                    if given.all or (each.rule_id not in shown and not each.is_ended):
                        print(_line(each))
                    shown.add(each.rule_id)
        return 0
    hei, contents = read_rules(given.file)
    if hei not in heis:
        print(f"{hei} is none of the HEIs that this backend covers.", file=sys.stderr)
        return 1
    async with opened(settings) as database:
        service = RuleService(store=RuleTable(database), clock=utc_now)
        outcome = await service.bring(hei, contents)
    if isinstance(outcome, list):
        return _refused(outcome)
    for each in outcome.changed:
        print(_line(each))
    print(f"{len(outcome.changed)} set, {outcome.unchanged} as they were.")
    return 0


def _refused(wrong: list[tuple[int, Refusal]]) -> int:
    for place, refusal in wrong:
        for line in told(refusal):
            print(f"rule {place + 1}: {line}", file=sys.stderr)
    print("Nothing was set.", file=sys.stderr)
    return 1


def _line(rule: LocalRule) -> str:
    content = rule.content
    ended = " ended" if rule.is_ended else ""
    place = f"{rule.hei_id} {rule.rule_id} v{rule.version}{ended} {rule.changed_at:%Y-%m-%d}"
    return f"{place}: {content.kind} {_scope(content.scope)}: {_when(content)}: {content.name}"


def _scope(scope: Scope) -> str:
    named = (scope.role, scope.activity_type, scope.term)
    first, last = scope.first_year or scope.first_day, scope.last_year or scope.last_day
    valid = f"{first or ''}..{last or ''}" if first or last else None
    return " ".join(str(each) for each in (*named, valid) if each is not None)


def _when(content: RuleContent) -> str:
    at = f" {content.at:%H:%M}" if content.at else ""
    zone = f" {content.zone}" if content.zone else ""
    return f"{_day(content.basis)}{at}{zone}"


def _day(basis: Basis) -> str:
    if isinstance(basis, Absolute):
        return basis.on.isoformat()
    if isinstance(basis, Annual):
        return basis.month_day
    return f"{basis.offset.amount:+d} {basis.offset.unit} from {basis.event}"
