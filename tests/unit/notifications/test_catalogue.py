import ast
import re
import shutil
import string
from pathlib import Path

import pytest

from erasmus_app.errors import SettingsInvalid
from erasmus_app.mobilities import changes, dues
from erasmus_app.mobilities.events import DETAILS, KINDS, Row
from erasmus_app.mobilities.local_rules import Role
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.notifications.catalogue import (
    INSTITUTIONS,
    LONGEST,
    Catalogue,
    Words,
    catalogue_folder,
    load_catalogue,
)
from erasmus_app.notifications.models import Kind, Text, Urgency

OURS = load_catalogue(catalogue_folder())
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
    assert OURS.kinds.keys() == set(KINDS.values())
    assert set(KINDS) == set(Row)
    assert len(set(KINDS.values())) == len(KINDS)
    assert OURS.languages == ("de", "en", "pt")


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


STUDENTS_MOVE = {
    "nomination_accepted",
    "personal_data_changed",
    "agreement_sent_back",
    "arrival_confirmed",
    "arrival_removed",
    "change_sent_back",
    "requirement_added",
    "application_due",
    "agreement_due",
    "arrival_missing",
    "departed_early",
    "transcript_late",
    "recognition_due",
}
YOUR_MOVE = {"en": "Your move", "de": "Du bist dran", "pt": "É a tua vez"}


@pytest.mark.parametrize(("language", "kind"), TEXTS)
def test_both_texts_say_so_where_it_is_the_students_move_and_only_there(language: str, kind: str):
    words, move = OURS.words[language][kind], YOUR_MOVE[language]

    assert (move in words.body) is (move in words.push_body) is (kind in STUDENTS_MOVE)


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
    for kind in ("change_sent", "extension_sent"):
        with_some, without = arguments(kind), arguments(kind) | {"cancelled": ""}

        assert CANCELLED[language] in OURS.render(kind, language, with_some, name_of).body
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
    assert (
        COUNTED[language]
        in OURS.render("change_sent", language, arguments("change_sent"), name_of).body
    )
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
        ("fi", "now planned from 1 March 2027 to July 2027."),
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
        category="account", merges=True, obsolete_by=("personal_data_changed",)
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
    }


@pytest.mark.parametrize("kind", OURS.kinds)
def test_a_push_that_rings_for_a_mobility_is_dropped_when_that_was_called_off(kind: str):
    """But for what is news also then, or says itself how the mobility stands."""
    news = {"mobility_cancelled", "mobility_ended", "personal_data_changed", "recognised"}
    of_the_past = {"arrival", "departure", "departed", "transcript", "recognition"}
    about = kind.partition("_")[0]
    if OURS.kinds[kind].push and kind not in news and about not in of_the_past:
        assert {"mobility_cancelled", "mobility_ended"} <= set(OURS.kinds[kind].obsolete_by)


@pytest.mark.parametrize("kind", [name for name, each in OURS.kinds.items() if each.days_before])
def test_a_reminder_gives_way_to_the_next_of_its_ladder(kind: str):
    assert kind in OURS.kinds[kind].obsolete_by


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied = tmp_path / "notifications"
    shutil.copytree(catalogue_folder(), copied)
    return copied


NOMINATED = "[nominated]\ntitle = "
BROKEN = {
    "no kinds": ("catalogue.toml", None, None, "catalogue.toml: .*No such file"),
    "no TOML": ("catalogue.toml", "[nominated]", "[nominated", "catalogue.toml: "),
    "a kind too few": ("catalogue.toml", "[recognised]", "[celebrated]", "celebrated, recognised"),
    "a word that is none": (
        "catalogue.toml",
        "\nurgency =",
        "\nurgncy =",
        "catalogue.toml: .*urgncy",
    ),
    "an urgency that is none": ("catalogue.toml", '"high"', '"loud"', "catalogue.toml: .*loud"),
    "no time to live": ("catalogue.toml", "push = false", "ttl_hours = 0", "ttl_hours"),
    "told to nobody": (
        "catalogue.toml",
        "push = false",
        "told = []",
        "catalogue.toml: nomination_vanished: told: names nobody",
    ),
    "told to strangers": ("catalogue.toml", "push = false", 'told = ["staff"]', "told"),
    "obsolete by what never happens": (
        "catalogue.toml",
        '["personal_data_changed"]',
        '["personal_data"]',
        "catalogue.toml: personal_data_changed: obsolete_by: there is no kind personal_data",
    ),
    "obsolete by the same twice": (
        "catalogue.toml",
        '["personal_data_changed"]',
        '["recognised", "recognised"]',
        "personal_data_changed: obsolete_by: recognised stands there twice",
    ),
    "merging what is not pushed": (
        "catalogue.toml",
        "push = false",
        "push = false\nmerges = true",
        "nomination_vanished: merges: is of pushes, and this kind is not pushed",
    ),
    "dropping what is not pushed": (
        "catalogue.toml",
        "push = false",
        'push = false\nobsolete_by = ["recognised"]',
        "nomination_vanished: obsolete_by: is of pushes, and this kind is not pushed",
    ),
    "a ladder of what has no deadline": (
        "catalogue.toml",
        "push = false",
        "days_before = [7]",
        "nomination_vanished: days_before: this kind is no reminder of a deadline",
    ),
    "a ladder without a rung": (
        "catalogue.toml",
        "days_before = [-1]",
        "days_before = []",
        "transcript_late: days_before: at least one, the first one first",
    ),
    "a ladder upside down": (
        "catalogue.toml",
        "[30, 14, 7, 2, 0]",
        "[0, 7]",
        "application_due: days_before: at least one, the first one first",
    ),
    "a rung twice": ("catalogue.toml", "[30, 14, 7, 2, 0]", "[7, 7]", "7 stands there twice"),
    "a reminder after its time": ("catalogue.toml", "[-1]", "[-28]", "catalogue.toml: .*-27"),
    "a detail that nothing shows": (
        "locales/en.toml",
        "{date} as your first day",
        "your first day",
        r"en.toml: arrival_recorded: nothing shows \{date\}",
    ),
    "no English": ("locales/en.toml", None, None, "there is no en.toml"),
    "a kind without texts": (
        "locales/pt.toml",
        "[nominated]",
        "[named]",
        "pt.toml: .*: named, nomi",
    ),
    "a text too few": (
        "locales/de.toml",
        "push_title",
        "title_of_push",
        "de.toml: .*title_of_push",
    ),
    "an empty text": (
        "locales/de.toml",
        NOMINATED,
        f'{NOMINATED}" " #',
        "nominated: title: 1 to 60",
    ),
    "a long title": (
        "locales/en.toml",
        NOMINATED,
        f'{NOMINATED}"{61 * "x"}" #',
        "en.toml: nominated: title: 1 to 60 characters, not 61",
    ),
    "a long push": (
        "locales/en.toml",
        "push_body = ",
        f'push_body = "{141 * "x"}" #',
        "en.toml: nominated: push_body: 1 to 140 characters, not 141",
    ),
    "a name on the lock screen": (
        "locales/pt.toml",
        "push_body = ",
        'push_body = "{receiving_hei}" #',
        r"pt.toml: nominated: push_body: placeholder \{receiving_hei\} has no place here",
    ),
    "a comment": (
        "locales/en.toml",
        NOMINATED,
        f'{NOMINATED}"{{comment}}" #',
        r"en.toml: nominated: title: placeholder \{comment\} has no place here",
    ),
    "a placeholder less than in English": (
        "locales/de.toml",
        "{date} bestätigt. Du",
        "Tag bestätigt. Du",
        r"de.toml: arrival_confirmed: the English text and this one differ in \{date\}",
    ),
    "a placeholder without a name": (
        "locales/en.toml",
        NOMINATED,
        f'{NOMINATED}"{{}}" #',
        "title: pla",
    ),
    "a look inside": ("locales/en.toml", "{date} as", "{date.year} as", "date.year"),
    "a format": (
        "locales/en.toml",
        "{courses}",
        "{courses:d}",
        "a name in braces and nothing else",
    ),
    "half a placeholder": (
        "locales/en.toml",
        "{courses}",
        "{courses",
        "en.toml: agreement_signed: ",
    ),
    "a reason without words": (
        "locales/pt.toml",
        "timetable-conflict =",
        "timetable =",
        "pt.toml: reasons: differ in: timetable, timetable-conflict",
    ),
    "an outcome without words": (
        "locales/de.toml",
        "negative =",
        "bad =",
        "de.toml: outcomes: differ in: bad, negative",
    ),
    "no place for the courses": (
        "locales/en.toml",
        "taken: {which}",
        "taken: some",
        r"en.toml: cancelled: must have \{which\} and nothing else",
    ),
    "a long push of several": (
        "locales/en.toml",
        'title = "News about your stay abroad"',
        f'title = "{51 * "x"}"',
        "en.toml: several: title: 1 to 50 characters, not 51",
    ),
    "a name in a push of several": (
        "locales/de.toml",
        "Mehreres hat",
        "{receiving_hei} hat",
        "de.toml: several: body: a lock screen shows no placeholder's value",
    ),
    "no words for several": ("locales/pt.toml", "several =", "many =", "pt.toml: .*several"),
    "no months": ("locales/de.toml", "months =", "#", "de.toml: .*months"),
    "eleven months": ("locales/de.toml", '"Januar", ', "", "de.toml: months: twelve names, not 11"),
    "a day without its year": (
        "locales/de.toml",
        "{day}. {month} {year}",
        "{day}. {month}",
        r"de.toml: date_format: must have \{day\}, \{month\}, \{year\} and nothing else",
    ),
}


@pytest.mark.parametrize(("file", "old", "new", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_catalogue_stops_the_start_with_a_line_that_names_what_is_wrong(
    folder: Path, file: str, old: str | None, new: str | None, message: str
):
    path = folder / file
    if old is None or new is None:
        path.unlink()
    else:
        content = path.read_text()
        assert old in content
        path.write_text(content.replace(old, new, 1))

    with pytest.raises(SettingsInvalid, match=message) as refused:
        load_catalogue(folder)

    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_language_more_is_a_file_more(folder: Path):
    shutil.copy(folder / "locales/en.toml", folder / "locales/fi.toml")

    known: Catalogue = load_catalogue(folder)

    assert known.languages == ("de", "en", "fi", "pt")
    assert known.words["fi"] == known.words["en"]
    assert isinstance(known.words["fi"]["nominated"], Words)
