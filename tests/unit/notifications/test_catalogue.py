import ast
import re
from collections.abc import Iterator
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
    *("bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "ga", "hr", "hu", "is", "it"),
    *("lt", "lv", "mk", "mt", "nb", "nl", "nn", "pl", "pt", "ro", "sk", "sl", "sr", "sv", "tr"),
)
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


def placeholders(language: str, kind: str) -> set[str]:
    title, body = OURS.texts[language][kind]
    return {*title.holes, *body.holes}


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


def faults(language: str, kind: str) -> Iterator[str]:
    """What a text does that none may: too long, not filled, or an id on the screen."""
    words = OURS.words[language][kind]
    for part in ("push_title", "push_body"):
        text = getattr(words, part)
        if not 1 <= len(text) <= LONGEST[part]:
            yield f"{part} has {len(text)} letters"
        if "{" in text:
            yield f"{part} shows something on the lock screen"
    shown = placeholders(language, kind)
    if shown != placeholders("en", kind):
        yield f"its placeholders are not those of the English one: {sorted(shown)}"
    if not DETAILS.get(kind, frozenset()) <= shown <= {*INSTITUTIONS, *DETAILS.get(kind, ())}:
        yield f"its placeholders are not those of the kind: {sorted(shown)}"
    rendered = OURS.render(kind, language, arguments(kind), name_of)
    if "{" in rendered.title + rendered.body:
        yield "is not filled"
    if set(ENDS.values()) & set(rendered.body.split()):
        yield "names an institution by its id"


@pytest.mark.parametrize("language", OURS.languages)
def test_each_text_fits_is_filled_and_shows_nothing_on_the_lock_screen(language: str):
    assert [f"{kind}: {fault}" for kind in OURS.kinds for fault in faults(language, kind)] == []


@pytest.mark.parametrize("language", OURS.languages)
def test_a_student_with_several_mobilities_reads_of_each_message_which_it_is_about(language: str):
    about = {kind for kind in OURS.kinds if "receiving_hei" in placeholders(language, kind)}

    assert about == OURS.kinds.keys()


@pytest.mark.parametrize("language", OURS.languages)
def test_both_texts_say_so_where_it_is_the_students_move_and_only_there(language: str):
    words, move = OURS.words[language], OURS.phrases[language].your_move
    said = {kind: (move in words[kind].body, move in words[kind].push_body) for kind in OURS.kinds}

    assert said == {kind: (each.your_move,) * 2 for kind, each in OURS.kinds.items()}


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
    "en": "removed: none. Cannot be taken: Logic (timetable conflict); Sets (not offered). Now",
    "de": "gestrichen: keine. Nicht möglich: Logic (Überschneidung im Stundenplan); "
    "Sets (wird nicht angeboten). Jetzt",
    "pt": "retiradas: nenhuma. Não é possível: Logic (horário incompatível); "
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


COUNTED = [
    ("en", "1", "0", "Added: 1 course; removed: none."),
    ("en", "2", "1", "Added: 2 courses; removed: 1 course."),
    ("de", "1", "2", "Hinzugefügt: 1 Kurs; gestrichen: 2 Kurse."),
    ("pt", "0", "1", "Acrescentadas: nenhuma; retiradas: 1 disciplina."),
    ("pl", "2", "5", "Dodano: 2 przedmioty; usunięto: 5 przedmiotów."),
    ("pl", "22", "12", "Dodano: 22 przedmioty; usunięto: 12 przedmiotów."),
    ("cs", "1", "5", "Přidáno: 1 předmět; odebráno: 5 předmětů."),
    ("sl", "2", "3", "Dodano: 2 predmeta; odstranjeno: 3 predmeti."),
    ("sl", "101", "5", "Dodano: 101 predmet; odstranjeno: 5 predmetov."),
    ("ga", "2", "7", "Curtha leis: 2 mhodúl; bainte de: 7 modúl."),
    ("hr", "21", "5", "Dodano: 21 kolegij; uklonjeno: 5 kolegija."),
    ("lt", "2", "10", "Pridėta: 2 dalykai; išbraukta: 10 dalykų."),
    ("lv", "10", "21", "Pievienots: 10 kursu; svītrots: 21 kurss."),
    ("mk", "21", "2", "Додадено: 21 предмет; отстрането: 2 предмети."),
    ("mt", "2", "11", "Miżjuda: 2 korsijiet; imneħħija: 11 kors."),
    ("ro", "2", "20", "Adăugate: 2 discipline; eliminate: 20 de discipline."),
    ("sr", "1", "3", "Додато: 1 предмет; уклоњено: 3 предмета."),
    ("hu", "1", "3", "Hozzáadva: 1 tantárgy; törölve: 3 tantárgy."),
    ("tr", "1", "3", "Eklenen: 1 ders; çıkarılan: 3 ders."),
]


@pytest.mark.parametrize(("language", "added", "removed", "expected"), COUNTED)
def test_courses_are_counted_in_the_form_that_the_language_has_for_the_number(
    language: str, added: str, removed: str, expected: str
):
    counts = {"added": added, "removed": removed}
    body = OURS.render("change_sent", language, arguments("change_sent") | counts, name_of).body

    assert expected in body


@pytest.mark.parametrize(
    ("language", "ects", "expected"),
    [
        ("en", "7.5", "Passed: 1 course, 7.5 ECTS credits."),
        ("de", "7.5", "Bestanden: 1 Kurs, 7,5 ECTS-Punkte."),
        ("cs", "7.5", "Splněno: 1 předmět, 7,5 kreditu ECTS."),
        ("cs", "5", "Splněno: 1 předmět, 5 kreditů ECTS."),
        ("pl", "7.5", "Zaliczono: 1 przedmiot, 7,5 punktu ECTS."),
        ("sl", "7.5", "Opravljeno: 1 predmet, 7,5 kreditne točke ECTS."),
        ("tr", "30", "Başarılan: 1 ders, 30 AKTS kredisi."),
    ],
)
def test_credits_need_not_be_whole(language: str, ects: str, expected: str):
    details = arguments("transcript_issued") | {"ects": ects}

    assert expected in OURS.render("transcript_issued", language, details, name_of).body


@pytest.mark.parametrize("language", OURS.languages)
def test_no_number_stands_before_a_word_that_does_not_bend_with_it(language: str):
    for words in OURS.words[language].values():
        assert not re.search(r"\{(courses|ects|added|removed)\}", words.body)


def test_a_count_that_is_none_is_shown_as_it_came():
    details = arguments("agreement_signed") | {"courses": "some", "ects": "NaN"}

    assert "some courses, NaN ECTS" in OURS.render("agreement_signed", "en", details, name_of).body


@pytest.mark.parametrize("language", OURS.languages)
def test_no_date_makes_a_full_stop_too_many(language: str):
    for kind in OURS.kinds:
        body = OURS.render(kind, language, arguments(kind), name_of).body
        assert ".." not in body


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
