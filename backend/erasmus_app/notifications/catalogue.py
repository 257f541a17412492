"""The words: kinds and their texts, read once from `notifications/` and checked as a whole."""

import string
from collections.abc import Callable, Collection, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.cldr import is_known, written_day, written_number
from erasmus_app.kit.icu import Message, message
from erasmus_app.kit.languages import choose
from erasmus_app.kit.tables import read_toml, stamp
from erasmus_app.mobilities.dues import REMINDERS, ROWS
from erasmus_app.mobilities.events import ALL_KINDS, DETAILS, KINDS, OUTCOMES, REASONS
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.notifications.models import DAYS_BEFORE, Kind, Text, Urgency

LONGEST = {"title": 60, "body": 320, "push_title": 50, "push_body": 140}
INSTITUTIONS = ("sending_hei", "receiving_hei")  # arguments that are HEI ids
DATES = ("date", "start", "end")  # arguments that are ISO dates, or ISO months
COUNTS = ("courses", "ects", "added", "removed")  # arguments that are numbers
FRACTIONS = frozenset({"ects"})  # those of them that need not be whole
SOURCE_LANGUAGE = "en"

_WIDEST_COUNT = "888.5"
_WIDEST_DAYS = tuple(f"2028-{month:02}-28" for month in range(1, 13))

NameOf = Callable[[str, str], str]
"""(HEI id, language) → the HEI's name."""


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The texts of one kind in one language. Push texts pass third parties and lock screens."""

    title: str
    body: str
    push_title: str
    push_body: str


class PushWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a lock screen may show of a push that is of no one kind."""

    title: str
    body: str


class Phrases(msgspec.Struct, frozen=True, kw_only=True):
    """How one language puts codes and lists that come inside a text."""

    your_move: str  # what a text says where it is the student's turn, and nowhere else
    cancelled: str  # a sentence with {which}, a blank before it; left out where there are none
    reasons: dict[str, str]  # by the XML's word: why a course cannot be taken
    outcomes: dict[str, str]  # what was recognised
    several: PushWords  # a push of several kinds

    def of(self, key: str, value: str) -> str:
        """Write a detail that is a code or has one name a line; anything else stays as it is."""
        if key == "outcome":
            return self.outcomes.get(value, value)
        if key == "requirements":
            return ", ".join(value.splitlines())
        if key == "cancelled":
            courses = "; ".join(self._course(each) for each in value.splitlines())
            return self.cancelled.format_map({"which": courses}) if courses else ""
        return value

    def _course(self, line: str) -> str:
        reason, _, title = line.partition(" ")
        return f"{title} ({self.reasons.get(reason, reason)})" if title else line


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """Every kind, and its words in every language."""

    kinds: Mapping[str, Kind]
    words: Mapping[str, Mapping[str, Words]]  # language → kind → words, as they stand there
    texts: Mapping[str, Mapping[str, tuple[Message, Message]]]  # their titles and bodies, read
    phrases: Mapping[str, Phrases]  # language → how codes and lists are put

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages on offer."""
        return tuple(sorted(self.words))

    @property
    def categories(self) -> tuple[str, ...]:
        """What students switch on and off as a whole, in the catalogue's order."""
        return tuple(dict.fromkeys(each.category for each in self.kinds.values()))

    @property
    def ladders(self) -> dict[DeadlineKind, tuple[int, ...]]:
        """On how many days before its deadline each reminder is told."""
        ladders = {kind: self.kinds[KINDS[row]].days_before for kind, row in ROWS.items()}
        return {kind: DAYS_BEFORE if days is None else days for kind, days in ladders.items()}

    def render(
        self, kind: str, language: str, arguments: Mapping[str, str], name_of: NameOf
    ) -> Text:
        """Write a message in full, for the app."""
        chosen = choose(language, self.words) or SOURCE_LANGUAGE
        title, body = self.texts[chosen][kind]
        shown = {key: self._shown(key, value, chosen, name_of) for key, value in arguments.items()}
        return Text(language=chosen, title=title.filled(shown), body=body.filled(shown))

    def render_push(self, kind: str, language: str, with_it: Collection[str] = ()) -> Text:
        """Write what a lock screen may show: which step moved, and nothing about anybody.

        `with_it` are the kinds of what goes out as the same push.
        """
        chosen = choose(language, self.words) or SOURCE_LANGUAGE
        several = not {kind}.issuperset(with_it)
        if several:
            shown = self.phrases[chosen].several
            return Text(language=chosen, title=shown.title, body=shown.body)
        words = self.words[chosen][kind]
        return Text(language=chosen, title=words.push_title, body=words.push_body)

    def urgency(self, *kinds: str) -> Urgency:
        """Return how soon a push of these kinds is to be shown: as soon as any of them."""
        high = any(self.kinds[each].urgency is Urgency.HIGH for each in kinds)
        return Urgency.HIGH if high else Urgency.NORMAL

    def _shown(self, key: str, value: str, language: str, name_of: NameOf) -> str:
        if key in INSTITUTIONS:
            return name_of(value, language)
        if key in DATES:
            return written_day(value, language)
        if key in COUNTS:
            return written_number(value, language)
        return self.phrases[language].of(key, value)


def catalogue_folder() -> Path:
    """Return where the words lie: in a checkout, or in an installed wheel."""
    here = Path(__file__).resolve()
    checkout = here.parents[3] / "notifications"
    return checkout if (checkout / "catalogue.toml").is_file() else here.parent / "data"


def load_catalogue(folder: Path) -> Catalogue:
    """Read and check everything in `folder`; what has not changed since is not read again.

    Raises:
        SettingsInvalid: a kind or a text is missing, a kind says what cannot be, a text is too
            long, lacks a placeholder, has one that nothing fills or that English does not have,
            or shows something on the lock screen; the message names file, kind and text.
    """
    return _load(folder, stamp(folder / "catalogue.toml", folder / "locales"))


@lru_cache(maxsize=4)
def _load(folder: Path, _of: object) -> Catalogue:
    kinds = _table(folder / "catalogue.toml", dict[str, Kind])
    if kinds.keys() != ALL_KINDS:
        odd = ", ".join(sorted(kinds.keys() ^ ALL_KINDS))
        raise SettingsInvalid(f"{folder / 'catalogue.toml'}: the program's kinds differ in: {odd}")
    for name, kind in kinds.items():
        _check_kind(f"{folder / 'catalogue.toml'}: {name}", name, kind, kinds.keys())
    words: dict[str, dict[str, Words]] = {}
    phrases: dict[str, Phrases] = {}
    for path in sorted((folder / "locales").glob("*.toml")):
        if not is_known(path.stem):
            raise SettingsInvalid(f"{path}: CLDR knows no such language, and so no dates of it")
        content = _table(path, dict[str, Any])
        phrase = {name: content.pop(name) for name in Phrases.__struct_fields__ if name in content}
        try:
            phrases[path.stem] = msgspec.convert(phrase, Phrases)
            words[path.stem] = msgspec.convert(content, dict[str, Words])
        except msgspec.ValidationError as error:
            raise SettingsInvalid(f"{path}: {error}") from error
        _check_phrases(path, phrases[path.stem])
        if words[path.stem].keys() != kinds.keys():
            odd = ", ".join(sorted(words[path.stem].keys() ^ kinds.keys()))
            raise SettingsInvalid(f"{path}: this file and the kinds differ in: {odd}")
    if SOURCE_LANGUAGE not in words:
        raise SettingsInvalid(f"{folder / 'locales'}: there is no {SOURCE_LANGUAGE}.toml")
    # English first: the others are measured by it, so what is wrong there is wrong there.
    texts: dict[str, dict[str, tuple[Message, Message]]] = {}
    for language in sorted(words, key=lambda each: each != SOURCE_LANGUAGE):
        texts[language] = {}
        for kind, text in words[language].items():
            where = f"{folder / 'locales' / language}.toml: {kind}"
            texts[language][kind] = _read(where, kind, language, text)
            _check_holes(where, kind, texts[language][kind], texts[SOURCE_LANGUAGE][kind])
            _check_move(where, kinds[kind], text, phrases[language].your_move)
    return Catalogue(kinds=kinds, words=words, texts=texts, phrases=phrases)


def _check_kind(where: str, name: str, kind: Kind, known: Collection[str]) -> None:
    for key in ("told", "obsolete_by", "days_before"):
        values = getattr(kind, key) or ()
        if twice := sorted({str(each) for each in values if values.count(each) > 1}):
            raise SettingsInvalid(f"{where}: {key}: {twice[0]} stands there twice")
    if not kind.told:
        raise SettingsInvalid(f"{where}: told: names nobody")
    for other in kind.obsolete_by:
        if other not in known:
            raise SettingsInvalid(f"{where}: obsolete_by: there is no kind {other}")
    if not kind.push and (kind.merges or kind.obsolete_by):
        key = "merges" if kind.merges else "obsolete_by"
        raise SettingsInvalid(f"{where}: {key}: is of pushes, and this kind is not pushed")
    if kind.days_before is None:
        return
    if name not in REMINDERS:
        raise SettingsInvalid(f"{where}: days_before: this kind is no reminder of a deadline")
    if not kind.days_before or list(kind.days_before) != sorted(kind.days_before, reverse=True):
        raise SettingsInvalid(f"{where}: days_before: at least one, the first one first")


def _check_phrases(path: Path, phrases: Phrases) -> None:
    if not phrases.your_move.strip():
        raise SettingsInvalid(f"{path}: your_move: is empty")
    if _placeholders(f"{path}: cancelled", phrases.cancelled) != {"which"}:
        raise SettingsInvalid(f"{path}: cancelled: must have {{which}} and nothing else")
    for part in PushWords.__struct_fields__:
        value, where = getattr(phrases.several, part), f"{path}: several: {part}"
        longest = LONGEST[f"push_{part}"]
        if not value.strip() or len(value) > longest:
            raise SettingsInvalid(f"{where}: 1 to {longest} characters, not {len(value)}")
        if _placeholders(where, value):
            raise SettingsInvalid(f"{where}: a lock screen shows no placeholder's value")
    for name, codes in (("reasons", REASONS), ("outcomes", OUTCOMES)):
        if odd := getattr(phrases, name).keys() ^ set(codes):
            raise SettingsInvalid(f"{path}: {name}: differ in: {', '.join(sorted(odd))}")


def _read(where: str, kind: str, language: str, text: Words) -> tuple[Message, Message]:
    found: list[Message] = []
    filled = frozenset(INSTITUTIONS) | DETAILS.get(kind, frozenset())
    for part, longest in LONGEST.items():
        value = getattr(text, part)
        if part.startswith("push"):
            length = len(value)
            # A lock screen shows no placeholder's value, so that its text is none to be filled.
            odd = _placeholders(f"{where}: {part}", value)
        else:
            try:
                read = message(value, language, fractions=FRACTIONS)
            except ValueError as error:
                raise SettingsInvalid(f"{where}: {part}: {error}") from error
            length, odd = read.longest(_widest(language, read.holes)), read.holes - filled
            if uncounted := {one.name for one in read.choices()} - set(COUNTS):
                names = ", ".join(sorted(uncounted))
                raise SettingsInvalid(f"{where}: {part}: no plural or select goes by {names}")
            found.append(read)
        if not value.strip() or length > longest:
            raise SettingsInvalid(f"{where}: {part}: 1 to {longest} characters, not {length}")
        if odd:
            names = ", ".join(f"{{{each}}}" for each in sorted(odd))
            raise SettingsInvalid(f"{where}: {part}: placeholder {names} has no place here")
    return found[0], found[1]


@cache
def _widest(language: str, holes: frozenset[str]) -> dict[str, str]:
    """Return the widest values that a text is measured with.

    Names and lists are as wide as partners make them, and count as their names in braces.
    """
    day = max((written_day(each, language) for each in _WIDEST_DAYS), key=len)
    number = written_number(_WIDEST_COUNT, language)
    return {
        each: day if each in DATES else number if each in COUNTS else f"{{{each}}}"
        for each in holes
    }


def _check_holes(
    where: str, kind: str, text: tuple[Message, Message], source: tuple[Message, Message]
) -> None:
    shown, wanted = (title.holes | body.holes for title, body in (text, source))
    if text is source and (unsaid := DETAILS.get(kind, frozenset()) - shown):
        names = ", ".join(f"{{{each}}}" for each in sorted(unsaid))
        raise SettingsInvalid(f"{where}: nothing shows {names}")
    if shown != wanted:
        odd_ones = ", ".join(f"{{{each}}}" for each in sorted(shown ^ wanted))
        raise SettingsInvalid(f"{where}: the English text and this one differ in {odd_ones}")
    for each in (one for part in text for one in part.choices() if one.is_plural):
        # A branch may leave out its own number ("one course"), and nothing else.
        for name, branch in each.every():
            if lost := each.branches["other"].holes - branch.holes - {each.name}:
                names = ", ".join(f"{{{one}}}" for one in sorted(lost))
                raise SettingsInvalid(f"{where}: {{{each.name}}}: {name}: lacks {names}")


def _check_move(where: str, kind: Kind, text: Words, move: str) -> None:
    for part in ("body", "push_body"):
        if (move in getattr(text, part)) is not kind.your_move:
            lacks = "does not say" if kind.your_move else "says"
            raise SettingsInvalid(f"{where}: {part}: {lacks} {move!r}")


def _placeholders(where: str, text: str) -> frozenset[str]:
    try:
        parsed = [each for each in string.Formatter().parse(text) if each[1] is not None]
    except ValueError as error:
        raise SettingsInvalid(f"{where}: {error}") from error
    if any(written or conversion for _, _, written, conversion in parsed):
        raise SettingsInvalid(f"{where}: a placeholder is a name in braces and nothing else")
    return frozenset(name or "" for _, name, _, _ in parsed)


def _table(path: Path, kind: type[Any]) -> Any:
    try:
        return msgspec.convert(read_toml(path), kind)
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{path}: {error}") from error
