import ast
import re
import string
from pathlib import Path

import pytest

from erasmus_app.mobilities import changes, dues
from erasmus_app.mobilities.events import ALL_KINDS, DETAILS, KINDS, Row
from erasmus_app.mobilities.local_rules import Role
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.notifications.catalogue import (
    INSTITUTIONS,
    LONGEST,
    catalogue_folder,
    load_catalogue,
)
from erasmus_app.notifications.models import Kind, Text, Urgency

OURS = load_catalogue(catalogue_folder())
LANGUAGES = (
    "bg",
    "cs",
    "da",
    "de",
    "el",
    "en",
    "es",
    "et",
    "fi",
    "fr",
    "ga",
    "hr",
    "hu",
    "is",
    "it",
    "lt",
    "lv",
    "mk",
    "mt",
    "nb",
    "nl",
    "nn",
    "pl",
    "pt",
    "ro",
    "sk",
    "sl",
    "sr",
    "sv",
    "tr",
)
TEXTS = [(language, kind) for language in OURS.languages for kind in OURS.kinds]
NAMES = {"ribeira.example": "Universidade da Ribeira", "lindental.example": "Hochschule Lindental"}
ENDS = {"sending_hei": "ribeira.example", "receiving_hei": "lindental.example"}
DETAIL = {
    "start": "2027-03-01",
    "end": "2027-07",
    "date": "2026-11-02",
    "courses": "1",
    "ects": "7.5",
    "added": "1",
    "removed": "0",
    "cancelled": "timetable-conflict Logic\nnot-available Sets",
    "requirements": "CV\nPortfolio",
    "outcome": "partial",
}


def name_of(hei: str, language: str) -> str:
    return NAMES[hei]


def arguments(kind: str) -> dict[str, str]:
    return ENDS | {name: DETAIL[name] for name in DETAILS.get(kind, ())}


def placeholders(*texts: str) -> set[str]:
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


def test_there_is_a_kind_for_everything_that_can_happen():
    assert OURS.kinds.keys() == ALL_KINDS
    assert set(KINDS) == set(Row)
    assert len(set(KINDS.values())) == len(KINDS)
    assert OURS.languages == LANGUAGES


def rows_named_in(module: Path) -> set[str]:
    """The rows that a module makes events of, or hands to what does: `Row.B1`."""
    found = ast.walk(ast.parse(module.read_text(encoding="utf-8")))
    return {
        each.attr
        for each in found
        if isinstance(each, ast.Attribute)
        and isinstance(each.value, ast.Name)
        and each.value.id == "Row"
    }


def test_there_is_no_kind_that_nothing_raises():
    """Every row is one that a change or the calendar tells, and none is told that is no row."""
    raising = (Path(each.__file__) for each in (changes, dues))

    assert set[str]().union(*map(rows_named_in, raising)) == {each.name for each in Row}


@pytest.mark.parametrize(("language", "kind"), TEXTS)
def test_a_text_fits_is_filled_and_shows_nothing_on_the_lock_screen(language: str, kind: str):
    words, source = OURS.words[language][kind], OURS.words["en"][kind]

    for part, longest in LONGEST.items():
        assert 1 <= len(getattr(words, part)) <= longest
    assert placeholders(words.push_title, words.push_body) == set()
    shown = placeholders(words.title, words.body)
    assert shown == placeholders(source.title, source.body)
    assert DETAILS.get(kind, frozenset()) <= shown <= {*INSTITUTIONS, *DETAILS.get(kind, ())}
    rendered = OURS.render(kind, language, arguments(kind), name_of)
    assert "{" not in rendered.title + rendered.body
    assert not set(ENDS.values()) & set(rendered.body.split())


@pytest.mark.parametrize(("language", "kind"), TEXTS)
def test_a_student_with_several_mobilities_reads_of_each_message_which_it_is_about(
    language: str, kind: str
):
    words = OURS.words[language][kind]

    assert "receiving_hei" in placeholders(words.title, words.body)


@pytest.mark.parametrize(("language", "kind"), TEXTS)
def test_both_texts_say_so_where_it_is_the_students_move_and_only_there(language: str, kind: str):
    words, move = OURS.words[language][kind], OURS.phrases[language].your_move
    is_it = OURS.kinds[kind].your_move

    assert (move in words.body) is (move in words.push_body) is is_it


@pytest.mark.parametrize("language", OURS.languages)
def test_pushes_that_do_not_say_the_same_do_not_look_the_same(language: str):
    pushes = [(each.push_title, each.push_body) for each in OURS.words[language].values()]
    several = OURS.phrases[language].several
    pushes.append((several.title, several.body))

    assert len(set(pushes)) == len(pushes)


def test_a_refusal_is_not_told_on_the_lock_screen():
    for words in OURS.words.values():
        push = f"{words['nomination_refused'].push_title} {words['nomination_refused'].push_body}"
        refusing = r"refus|reject|\bnot\b|abgelehnt|\bnicht\b|recus|rejeit|\bnão\b"
        assert not re.search(refusing, push, re.IGNORECASE)


@pytest.mark.parametrize("language", OURS.languages)
def test_an_agreement_that_came_back_is_never_called_rejected_or_deleted(language: str):
    wrong = r"reject|refus|declin|delet|abgelehnt|gelöscht|rejeit|recus|elimin|apagad"

    for kind in ("agreement_sent_back", "change_sent_back"):
        words = OURS.words[language][kind]
        text = " ".join((words.title, words.body, words.push_title, words.push_body))
        assert not re.search(wrong, text, re.IGNORECASE)


CANCELLED = {
    "en": "removed: 0. Cannot be taken: Logic (timetable conflict); Sets (not offered). Now",
    "de": "gestrichen: 0. Nicht möglich: Logic (Überschneidung im Stundenplan); "
    "Sets (wird nicht angeboten). Jetzt",
    "pt": "retiradas: 0. Não é possível: Logic (horário incompatível); "
    "Sets (não é oferecida). Agora",
}


@pytest.mark.parametrize("language", OURS.languages)
def test_courses_that_cannot_be_taken_are_named_with_the_reason(language: str):
    why = OURS.phrases[language].reasons
    which = f"Logic ({why['timetable-conflict']}); Sets ({why['not-available']})"
    for kind in ("change_sent", "extension_sent"):
        with_some, without = arguments(kind), arguments(kind) | {"cancelled": ""}

        some = OURS.render(kind, language, with_some, name_of).body
        assert which in some
        assert CANCELLED.get(language, which) in some
        none = OURS.render(kind, language, without, name_of).body
        assert "Logic" not in none
        assert "  " not in none


@pytest.mark.parametrize(
    ("kind", "detail", "expected"),
    [
        ("requirement_added", {"requirements": "CV\nPortfolio"}, "asks for: CV, Portfolio. Your"),
        ("recognition_reported", {"outcome": "partial"}, "Lindental: in part. If"),
        ("recognition_reported", {"outcome": "other"}, "Lindental: see your transcript. If"),
        ("change_sent", DETAIL | {"cancelled": "not-available Logic\n…"}, "(not offered); …. Now"),
    ],
)
def test_a_list_and_a_code_are_put_into_words(kind: str, detail: dict[str, str], expected: str):
    assert expected in OURS.render(kind, "en", ENDS | detail, name_of).body


COUNTED = {
    "en": "Courses added: 1, removed: 0.",
    "de": "Kurse hinzugefügt: 1, gestrichen: 0.",
    "pt": "Disciplinas acrescentadas: 1, retiradas: 0.",
}


@pytest.mark.parametrize("language", OURS.languages)
def test_numbers_stand_behind_their_words_so_that_one_reads_as_well_as_many(language: str):
    counted = OURS.render("change_sent", language, arguments("change_sent"), name_of).body
    assert COUNTED.get(language, ": 1") in counted
    for words in OURS.words[language].values():
        assert not re.search(r"\{(courses|ects|added|removed)\}\s*\w", words.body)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "now planned from 1 March 2027 to July 2027."),
        (
            "de",
            "jetzt so geplant: 1. März 2027 bis Juli 2027 (Gasthochschule: Hochschule Lindental).",
        ),
        ("pt", "prevista de 1 de março de 2027 a julho de 2027 (destino: Hochschule Lindental)."),
        (
            "pt-BR",
            "prevista de 1 de março de 2027 a julho de 2027 (destino: Hochschule Lindental).",
        ),
        ("ja", "now planned from 1 March 2027 to July 2027."),
    ],
)
def test_a_day_and_a_month_are_written_as_the_language_writes_them(language: str, expected: str):
    kind = "planned_dates_changed"

    assert OURS.render(kind, language, arguments(kind), name_of).body.endswith(expected)


def test_a_date_that_is_none_is_shown_as_it_came():
    ends = ENDS | {"date": "soon"}

    assert OURS.render("arrival_recorded", "en", ends, name_of).body == (
        "Hochschule Lindental has recorded soon as your first day."
    )


def test_what_looks_like_a_placeholder_in_a_name_is_a_name():
    text = OURS.render("nominated", "en", ENDS, lambda hei, language: "{receiving_hei} {0}")

    assert text.body.startswith("{receiving_hei} {0} has nominated you for {receiving_hei} {0}. ")


def test_a_push_is_in_the_readers_language_and_the_same_for_everybody():
    assert OURS.render_push("agreement_sent_back", "de-AT") == Text(
        language="de",
        title="Dein Learning Agreement ist zurück",
        body="Es wurde zurückgeschickt oder zurückgezogen. "
        "Du bist dran: Die App zeigt, was zu tun ist.",
    )


@pytest.mark.parametrize(
    ("with_it", "title"),
    [
        ((), "A new learning agreement was sent"),
        (("agreement_replaced",), "A new learning agreement was sent"),  # three times in a minute
        (("agreement_replaced", "contact_changed"), "News about your stay abroad"),
    ],
)
def test_a_push_of_several_kinds_says_that_there_is_news(with_it: tuple[str, ...], title: str):
    assert OURS.render_push("agreement_replaced", "en", with_it).title == title


def test_a_push_of_several_kinds_is_as_urgent_as_the_most_urgent_of_them():
    assert OURS.urgency("agreement_replaced") is Urgency.NORMAL
    assert OURS.urgency("agreement_replaced", "deadline_moved") is Urgency.HIGH


def test_a_kind_rings_and_lasts_as_the_file_says():
    assert OURS.kinds["nominated"] == Kind(
        category="nomination",
        urgency=Urgency.HIGH,
        told=(Role.OUTGOING, Role.INCOMING),
        obsolete_by=(
            "nomination_accepted",
            "nomination_refused",
            "formalities_done",
            "mobility_cancelled",
            "mobility_ended",
        ),
    )
    assert OURS.kinds["personal_data_changed"] == Kind(
        category="account", your_move=True, merges=True, obsolete_by=("personal_data_changed",)
    )
    assert OURS.kinds["contact_changed"] == Kind(category="agreement", push=False)


def test_a_reminder_is_told_on_the_days_of_its_own_ladder_or_on_those_of_all():
    assert OURS.ladders == {
        DeadlineKind.APPLICATION: (30, 14, 7, 2, 0),
        DeadlineKind.AGREEMENT_SIGNED: (30, 14, 7, 2, 1),
        DeadlineKind.ARRIVAL_CONFIRMED: (0,),
        DeadlineKind.CHANGE_REQUEST: (14, 7, 2, 0),
        DeadlineKind.EXTENSION_REQUEST: (14, 7, 2, 0),
        DeadlineKind.TRANSCRIPT: (-1,),
        DeadlineKind.RECOGNITION: (0,),
        DeadlineKind.CERTIFICATE: (0,),
    }


@pytest.mark.parametrize("kind", OURS.kinds)
def test_a_push_that_rings_for_a_mobility_is_dropped_when_that_was_called_off(kind: str):
    """But for what is news also then, or says itself how the mobility stands."""
    news = {"mobility_cancelled", "mobility_ended", "personal_data_changed", "recognised"}
    of_the_past = {
        *("arrival", "departure", "departed", "traineeship", "transcript", "recognition"),
    }
    about = kind.partition("_")[0]
    if OURS.kinds[kind].push and kind not in news and about not in of_the_past:
        assert {"mobility_cancelled", "mobility_ended"} <= set(OURS.kinds[kind].obsolete_by)


@pytest.mark.parametrize("kind", [name for name, each in OURS.kinds.items() if each.days_before])
def test_a_reminder_gives_way_to_the_next_of_its_ladder(kind: str):
    assert kind in OURS.kinds[kind].obsolete_by
