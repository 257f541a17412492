"""Why a deadline is as it is, in words, in each language."""

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from factories import LINDENTAL, RIBEIRA

from erasmus_app.errors import SettingsInvalid
from erasmus_app.mobilities.basis import Absolute, Annual, Event, Relative, Surety
from erasmus_app.mobilities.days import Offset, Unit
from erasmus_app.mobilities.deadlines import (
    Confidence,
    Deadline,
    DeadlineSource,
    Note,
    Origin,
    Owner,
)
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.mobilities.steps import Party
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.notifications.explanations import load_explanations

LANGUAGES = load_catalogue(catalogue_folder()).languages
WORDS = load_explanations(catalogue_folder(), LANGUAGES)
HOST = DeadlineSource(origin=Origin.FACTSHEET, hei_id=LINDENTAL)
HOME = DeadlineSource(origin=Origin.LOCAL_RULE, hei_id=RIBEIRA, name="Regulation 7")
PROGRAMME = DeadlineSource(origin=Origin.PROGRAMME, name="Guidelines")
OURS = DeadlineSource(origin=Origin.APP)


def because(language: str, source: DeadlineSource, basis: Any, **given: Any) -> str:
    known = {
        "kind": DeadlineKind.CHANGE_REQUEST,
        "who_must_act": Party.STUDENT,
        "owner": Owner.HOST,
        "confidence": Confidence.ESTIMATE,
        "on": date(2027, 10, 31),
    }
    deadline = Deadline(source=source, basis=basis, **known | given)
    return WORDS.of(deadline, language, lambda hei, _: hei)


def weeks(amount: int, event: Event = Event.CLASSES_BEGIN) -> Relative:
    return Relative(event, Offset(amount, Unit.WEEKS))


SINCE = {"since": date(2027, 9, 6)}
SAID = {
    "a published day": (
        ("en", HOST, Annual("--10-31")),
        {"academic_year": "2027/2028"},
        (
            "lindental.example publishes this. It is published without a year, and was "
            "resolved for "
            "2027/2028."
        ),
    ),
    "one whose year cannot be told": (
        ("de", HOST, Annual("--10-31")),
        {"on": None},
        (
            "Das veröffentlicht lindental.example. Veröffentlicht ist er ohne Jahr, und das "
            "Jahr lässt "
            "sich nicht bestimmen."
        ),
    ),
    "a rule of the programme, not confirmed": (
        ("en", PROGRAMME, weeks(5)),
        {**SINCE, "surety": Surety.PLANNED},
        (
            "A rule of the Erasmus+ programme; universities may set another day. It is 5 "
            "weeks after "
            "the start of classes. That day is not confirmed, so it is counted from 6 "
            "September 2027."
        ),
    ),
    "a university's rule, in German": (
        ("de-AT", HOME, weeks(-1, Event.STAY_ENDS)),
        SINCE,
        (
            "Eine Regel von ribeira.example: Regulation 7. Das ist 1 Woche vor dem geplanten Ende "
            "deines Aufenthalts, gezählt ab 6. September 2027."
        ),
    ),
    "in Portuguese, where the day is not known": (
        ("pt", HOME, weeks(2, Event.ARRIVAL)),
        {"on": None},
        (
            "Uma regra de ribeira.example: Regulation 7. O dia é 2 semanas depois da tua chegada. "
            "Esse dia "
            "ainda não é conhecido."
        ),
    ),
    "before the stay": (
        ("en", PROGRAMME, weeks(0, Event.STAY_BEGINS)),
        {**SINCE, "kind": DeadlineKind.AGREEMENT_SIGNED},
        (
            "A rule of the Erasmus+ programme; universities may set another day. It is before the "
            "planned start of your stay, counted from 6 September 2027."
        ),
    ),
    "on the day": (
        ("en", OURS, weeks(0, Event.ARRIVAL)),
        SINCE,
        (
            "Our own estimate; no university has set this day. It is on the day of your arrival, "
            "counted from 6 September 2027."
        ),
    ),
    "all that may be noted": (
        ("tlh", HOME, Absolute(date(2027, 10, 31))),
        {
            "notes": (Note.BEFORE_NOMINATIONS, Note.TERM_GUESSED, Note.DISAGREES),
            "counts_first": True,
            "superseded_by": HOST,
        },
        (
            "A rule of ribeira.example: Regulation 7. The day is set for once. The term was "
            "read from "
            "your planned dates. Applications close before nominations there, as published. "
            "Several "
            "days are named for this step. This is the earliest, so it counts first. What "
            "lindental.example has set stands in its place."
        ),
    ),
    "an earlier one": (
        ("en", HOME, Absolute(date(2027, 10, 31))),
        {"notes": (Note.DISAGREES,)},
        (
            "A rule of ribeira.example: Regulation 7. The day is set for once. Another day "
            "is named "
            "for this step, and it is earlier: that one counts first."
        ),
    ),
}


@pytest.mark.parametrize(("what", "given", "expected"), SAID.values(), ids=SAID)
def test_a_deadline_says_why_it_is_that_day(what, given, expected):
    assert because(*what, **given) == expected


def test_every_language_says_everything_and_leaves_no_brace():
    texts = [
        because(language, source, Relative(event, Offset(amount, unit)), **SINCE)
        for language in LANGUAGES
        for source in (HOST, HOME, PROGRAMME, OURS)
        for event in Event
        for unit in Unit
        for amount in (-2, -1, 0, 1, 2)
    ]

    assert [each for each in texts if "{" in each] == []


def test_a_name_with_braces_is_shown_as_it_is():
    odd = DeadlineSource(origin=Origin.LOCAL_RULE, hei_id=RIBEIRA, name="{hei.__class__} {0}")

    assert because("en", odd, Absolute(date(2027, 1, 1))).startswith(
        "A rule of ribeira.example: {hei.__class__} {0}. "
    )


BROKEN = {
    "another sentence": ('app = "', 'apple = "', "apple"),
    "another hole": ("{span}, counted from {date}", "{span}, counted from {day}", "counted"),
    "no hole": ("for {year}.", "for it.", "annual"),
    "an event that is none": ("arrival = ", "landing = ", "landing"),
    "no TOML": ("[units]", "[units", "en.toml"),
}


@pytest.mark.parametrize(("old", "new", "named"), BROKEN.values(), ids=BROKEN)
def test_words_that_cannot_be_right_stop_the_start(tmp_path: Path, old: str, new: str, named: str):
    shutil.copytree(catalogue_folder() / "deadlines", tmp_path / "deadlines")
    path = tmp_path / "deadlines" / "en.toml"
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))

    with pytest.raises(SettingsInvalid, match=named):
        load_explanations(tmp_path, LANGUAGES)


def test_a_language_that_messages_have_needs_its_sentences(tmp_path: Path):
    with pytest.raises(SettingsInvalid, match="deadlines"):
        load_explanations(tmp_path, LANGUAGES)
