"""Why a deadline is as it is, in the reader's language: from `notifications/deadlines/`."""

import string
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.cldr import written_day, written_number
from erasmus_app.kit.icu import Message, message, one_stop
from erasmus_app.kit.languages import choose
from erasmus_app.kit.tables import read_toml
from erasmus_app.mobilities.basis import Annual, Event, Relative
from erasmus_app.mobilities.days import Unit
from erasmus_app.mobilities.deadlines import Deadline, Note, Origin
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.notifications.catalogue import SOURCE_LANGUAGE, NameOf

_HOLES = {
    "factsheet": {"hei"},
    "local-rule": {"hei", "name"},
    "annual": {"year"},
    "counted": {"span", "date"},
    "counted_from_plan": {"span", "date"},
    "event_missing": {"span"},
    "after": {"count", "event"},
    "before": {"count", "event"},
    "same_day": {"event"},
    "before_day": {"event"},
    "superseded": {"hei"},
}
"""What stands in a sentence's braces; in the others there are none."""


class DeadlineWords(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={
        "local_rule": "local-rule",
        "before_nominations": "before-nominations",
        "term_guessed": "term-guessed",
    },
):
    """The sentences of one language."""

    factsheet: str
    local_rule: str
    programme: str
    app: str
    absolute: str
    annual: str
    annual_open: str
    counted: str
    counted_from_plan: str
    event_missing: str
    after: str
    before: str
    same_day: str
    before_day: str
    counts_first: str
    disagrees: str
    superseded: str
    before_nominations: str
    term_guessed: str
    units: dict[Unit, str]  # a plural of {n}
    events: dict[Event, str]


class Explanations(msgspec.Struct, frozen=True, kw_only=True):
    """The sentences of all languages."""

    words: Mapping[str, DeadlineWords]
    units: Mapping[str, Mapping[Unit, Message]]

    def of(self, deadline: Deadline, language: str, name_of: NameOf) -> str:
        """Say why a deadline is as it is, in the nearest language."""
        chosen = choose(language, self.words) or SOURCE_LANGUAGE
        sentences = self._sentences(deadline, chosen, lambda hei: name_of(hei, chosen))
        return one_stop(" ".join(sentences))

    def _sentences(
        self, deadline: Deadline, language: str, named: Callable[[str], str]
    ) -> Iterator[str]:
        words = self.words[language]
        source, basis = deadline.source, deadline.basis
        hei = named(source.hei_id) if source.hei_id else ""
        match source.origin:
            case Origin.FACTSHEET:
                yield words.factsheet.format_map({"hei": hei})
            case Origin.LOCAL_RULE:
                yield words.local_rule.format_map({"hei": hei, "name": source.name or ""})
            case Origin.PROGRAMME:
                yield words.programme
            case Origin.APP:
                yield words.app
        if isinstance(basis, Relative):
            yield self._counted(deadline, basis, language)
        elif isinstance(basis, Annual):
            year = deadline.academic_year if deadline.on else None
            yield words.annual.format_map({"year": year}) if year else words.annual_open
        else:
            yield words.absolute
        if Note.TERM_GUESSED in deadline.notes:
            yield words.term_guessed
        if Note.BEFORE_NOMINATIONS in deadline.notes:
            yield words.before_nominations
        if Note.DISAGREES in deadline.notes:
            yield words.counts_first if deadline.counts_first else words.disagrees
        if deadline.superseded_by is not None and deadline.superseded_by.hei_id is not None:
            yield words.superseded.format_map({"hei": named(deadline.superseded_by.hei_id)})

    def _counted(self, deadline: Deadline, basis: Relative, language: str) -> str:
        words = self.words[language]
        amount, event = basis.offset.amount, words.events[basis.event]
        number = written_number(str(abs(amount)), language)
        count = self.units[language][basis.offset.unit].filled({"n": number})
        if amount == 0:
            first = deadline.kind is DeadlineKind.AGREEMENT_SIGNED
            span = (words.before_day if first else words.same_day).format_map({"event": event})
        else:
            after = words.after if amount > 0 else words.before
            span = after.format_map({"count": count, "event": event})
        if deadline.since is None:
            return words.event_missing.format_map({"span": span})
        counted = words.counted if deadline.event_known else words.counted_from_plan
        date = written_day(deadline.since.isoformat(), language)
        return counted.format_map({"span": span, "date": date})


def load_explanations(folder: Path, languages: Collection[str]) -> Explanations:
    """Read the sentences of every language that messages have.

    Raises:
        SettingsInvalid: a file is missing or is not what it must be.
    """
    words: dict[str, DeadlineWords] = {}
    units: dict[str, Mapping[Unit, Message]] = {}
    for each in languages:
        path = folder / "deadlines" / f"{each}.toml"
        words[each] = _read(path)
        units[each] = {
            unit: _unit(f"{path}: {unit}", text, each) for unit, text in words[each].units.items()
        }
    return Explanations(words=words, units=units)


def _unit(where: str, text: str, language: str) -> Message:
    try:
        found = message(text, language)
    except ValueError as error:
        raise SettingsInvalid(f"{where}: {error}") from error
    if found.holes != {"n"}:
        raise SettingsInvalid(f"{where}: has {sorted(found.holes)} in braces")
    return found


def _read(path: Path) -> DeadlineWords:
    try:
        table = read_toml(path)
        words = msgspec.convert(table, DeadlineWords)
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{path}: {error}") from error
    for name, text in table.items():
        if isinstance(text, str):
            holes = {hole for _, hole, _, _ in string.Formatter().parse(text) if hole is not None}
            if holes != _HOLES.get(name, set()):
                raise SettingsInvalid(f"{path}: {name}: has {sorted(holes)} in braces")
    missing = [*(set(Unit) - words.units.keys()), *(set(Event) - words.events.keys())]
    if missing:
        raise SettingsInvalid(f"{path}: lacks: {', '.join(sorted(missing))}")
    return words
