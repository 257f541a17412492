"""What the app says beside each step, in the reader's language: from `notifications/guidance/`."""

import string
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.cldr import written_day
from erasmus_app.kit.icu import one_stop
from erasmus_app.kit.languages import choose
from erasmus_app.kit.tables import read_toml
from erasmus_app.mobilities.agreement_changes import AgreementChange, ChangeKind
from erasmus_app.mobilities.agreements import sent_back
from erasmus_app.mobilities.kinds import StayKind
from erasmus_app.mobilities.models import Api, Mobility, Returned
from erasmus_app.mobilities.recognition import Line, MatchedBy
from erasmus_app.mobilities.state import SETTLED, decision
from erasmus_app.mobilities.steps import Party, StepCode, WhoseMove
from erasmus_app.notifications.catalogue import SOURCE_LANGUAGE, NameOf

ReasonCode = Literal[
    "not-available",
    "language-mismatch",
    "timetable-conflict",
    "substituting-deleted",
    "extending-mobility",
    "adding-virtual-component",
]
"""EWP's words (guide §4.5.4); any other is no reason."""

NominationWord = Literal[
    "not-confirmed", "pending", "accepted", "rejected", "cancelled", "live", "recognized"
]
MatchWord = Literal[
    "loi-id", "los-id", "los-code", "title", "nothing", "ambiguous", "no-transcript"
]
SentBackWord = Literal[
    "first-version", "first-version-commented", "changes", "changes-commented", "in-force"
]
StayWord = Literal[
    "student-studies",
    "student-traineeships",
    "unknown",
    "long-term",
    "short-term-blended",
    "short-term-doctoral",
]
_ENDS = {"sending", "receiving"}
_HOLES: dict[str, set[str]] = {
    "nudge.subject": _ENDS | {"step", "mobility"},
    "nudge.greeting": {"name"},
    "nudge.waiting": {"date"},
    "nudge": _ENDS,  # what somebody is asked
    "nomination": _ENDS,
    "digital": {"hei"},
    "changes": {"title", "before"},
    "sent_back": _ENDS,
}
"""What may stand in braces, by a sentence's place, else by its table."""


class NudgeWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of a message to whoever has to act."""

    subject: str
    greeting: str
    greeting_office: str
    waiting: str
    thanks: str
    asks: dict[StepCode, str]


class GuidanceWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sentences of one language."""

    steps: dict[StepCode, str]
    can_do: dict[Party, dict[StepCode, str]]
    nudge: NudgeWords
    nomination: dict[NominationWord, str]
    digital: dict[Literal["yes", "no"], dict[Api, str]]
    changes: dict[ChangeKind, str]
    reasons: dict[ReasonCode, str]
    matches: dict[MatchWord, str]
    sent_back: dict[SentBackWord, str]
    stays: dict[StayWord, str]


class NudgeText(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a student may send."""

    subject: str
    body: str
    language: str


class Guidance(msgspec.Struct, frozen=True, kw_only=True):
    """The sentences of all languages."""

    words: Mapping[str, GuidanceWords]
    name_of: NameOf

    def language(self, wanted: str) -> str:
        """Return the nearest language that there is."""
        return choose(wanted, self.words) or SOURCE_LANGUAGE

    def title(self, step: StepCode, language: str) -> str:
        """Name a step."""
        return self.words[self.language(language)].steps[step]

    def can_do(self, step: StepCode, party: Party, language: str) -> str | None:
        """Say what the student can do while a step waits for somebody; None: nothing."""
        return self.words[self.language(language)].can_do.get(party, {}).get(step)

    def nudge(self, mobility: Mobility, move: WhoseMove, wanted: str) -> NudgeText | None:
        """Write to whoever has to act; None where that is the student, or nobody.

        It says what waits and since when, and nothing of grades, reasons or comments.
        """
        if move.hei_id is None or move.step is None:
            return None
        language = self.language(wanted)
        words = self.words[language]
        ends = self._ends(mobility, language)
        contact = move.contact
        name = f"{contact.given_names} {contact.family_name}" if contact else ""
        opening = words.nudge.greeting.format_map({"name": name})
        parts = [
            opening if contact else words.nudge.greeting_office,
            words.nudge.asks[move.step].format_map(ends),
        ]
        if move.since is not None:
            day = written_day(move.since.date().isoformat(), language)
            parts[1] += " " + one_stop(words.nudge.waiting.format_map({"date": day}))
        subject = words.nudge.subject.format_map(
            {**ends, "step": words.steps[move.step], "mobility": mobility.omobility_id}
        )
        body = "\n\n".join([*parts, words.nudge.thanks])
        return NudgeText(subject=subject, body=body, language=language)

    def nomination(self, mobility: Mobility, wanted: str) -> str | None:
        """Say how the nomination stands, both generations alike; None where none is visible."""
        known = mobility.nomination.value if mobility.nomination else None
        if known is None:
            return None
        language = self.language(wanted)
        said = known.status.value
        word: Any = said if said == "cancelled" or known.status in SETTLED else decision(mobility)
        return self.words[language].nomination[word].format_map(self._ends(mobility, language))

    def digital(self, api: Api, hei: str, wanted: str, *, served: bool) -> str:
        """Say whether a university takes part in something, and what to do where it does not."""
        language = self.language(wanted)
        sentences = self.words[language].digital["yes" if served else "no"]
        return sentences[api].format_map({"hei": self.name_of(hei, language)})

    def change(self, change: AgreementChange, wanted: str) -> str:
        """Say what changes in an agreement, and why where EWP has a word for it."""
        words = self.words[self.language(wanted)]
        before, after = change.before, change.after or change.before
        assert after is not None
        titles = {"title": after.title, "before": before.title if before else ""}
        said = words.changes[change.kind].format_map(titles)
        reasons: Mapping[str | None, str] = words.reasons  # type: ignore[assignment]
        reason = reasons.get(change.reason_code)  # any word may come, and is no reason
        return f"{said} {reason}" if reason else said

    def sent_back(self, mobility: Mobility, wanted: str) -> str | None:
        """Say what it means that an agreement or a change came back, and what to do; else None."""
        found = sent_back(mobility)
        if found is None:
            return None
        language = self.language(wanted)
        commented = found.comment and found.what is not Returned.IN_FORCE
        word: Any = f"{found.what}-commented" if commented else found.what.value
        return self.words[language].sent_back[word].format_map(self._ends(mobility, language))

    def stay(self, kind: StayKind, wanted: str) -> str:
        """Name a kind of stay."""
        words = self.words[self.language(wanted)].stays
        name = words[kind.activity.value if kind.activity else "unknown"]
        return f"{name}, {words[kind.attributes.value]}" if kind.attributes else name

    def match(self, line: Line, wanted: str, *, is_there: bool) -> str:
        """Say what joins a line of an agreement to the transcript, or that nothing does."""
        words = self.words[self.language(wanted)].matches
        if not is_there:
            return words["no-transcript"]
        said = words[line.matched_by.value]
        found = line.matched_by is not MatchedBy.NOTHING
        return f"{said} {words['ambiguous']}" if found and line.is_ambiguous else said

    def _ends(self, mobility: Mobility, language: str) -> dict[str, str]:
        return {
            "sending": self.name_of(mobility.sending_hei_id, language),
            "receiving": self.name_of(mobility.receiving_hei_id, language),
        }


def waiting_days(move: WhoseMove, today: date) -> int | None:
    """Return for how many days a move has waited; None where nobody can tell."""
    return max(0, (today - move.since.date()).days) if move.since else None


def load_guidance(folder: Path, languages: Collection[str], name_of: NameOf) -> Guidance:
    """Read the sentences of every language that messages have.

    Raises:
        SettingsInvalid: a file is missing or is not what it must be.
    """
    words = {each: _read(folder / "guidance" / f"{each}.toml") for each in languages}
    pattern = _shape(words[SOURCE_LANGUAGE])
    for language, each in words.items():
        if (other := _shape(each)) != pattern:
            odd = min(name for name, _ in set(other.items()) ^ set(pattern.items()))
            raise SettingsInvalid(f"{folder}/guidance/{language}.toml: {odd}: not as in English")
    return Guidance(words=words, name_of=name_of)


def _read(path: Path) -> GuidanceWords:
    try:
        words = msgspec.convert(read_toml(path), GuidanceWords)
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{path}: {error}") from error
    for name, holes in _shape(words).items():
        allowed = _HOLES.get(name) or _HOLES.get(name.partition(".")[0]) or set()
        if not holes <= allowed:
            raise SettingsInvalid(f"{path}: {name}: has {sorted(holes)} in braces")
    for table, expected in (
        (words.steps, StepCode),
        (words.changes, ChangeKind),
        (words.reasons, get_args(ReasonCode)),
        (words.matches, get_args(MatchWord)),
        (words.sent_back, get_args(SentBackWord)),
        (words.stays, get_args(StayWord)),
        (words.nomination, get_args(NominationWord)),
        (words.digital["yes"], Api),
        (words.digital["no"], Api),
    ):
        if missing := [str(each) for each in expected if each not in table]:
            raise SettingsInvalid(f"{path}: lacks: {', '.join(missing)}")
    return words


def _shape(words: GuidanceWords) -> dict[str, frozenset[str]]:
    """Return what stands in each sentence's braces, by the sentence's place."""
    return dict(_walk(msgspec.to_builtins(words, str_keys=True), ""))


def _walk(table: Any, place: str) -> Any:
    for name, value in table.items():
        where = f"{place}{name}"
        if isinstance(value, str):
            parsed = string.Formatter().parse(value)
            yield where, frozenset(hole for _, hole, _, _ in parsed if hole is not None)
        else:
            yield from _walk(value, f"{where}.")
