"""A catalogue that cannot be right stops the start, and says where."""

import shutil
from pathlib import Path

import pytest

from erasmus_app.errors import SettingsInvalid
from erasmus_app.notifications.catalogue import Catalogue, Words, catalogue_folder, load_catalogue


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
        "title: a name in small letters is wanted",
    ),
    "a look inside": ("locales/en.toml", "{date} as", "{date.year} as", r"\{date\}: , or }"),
    "a format": (
        "locales/en.toml",
        "{date} as",
        "{date:d} as",
        r"\{date\}: , or } is wanted where ':' stands",
    ),
    "half a placeholder": (
        "locales/en.toml",
        "{date} as",
        "{date as",
        r"en.toml: traineeship_begun: body: \{date\}: ",
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
    "no turn": ("locales/pt.toml", "your_move =", "move =", "pt.toml: .*your_move"),
    "an empty turn": ("locales/en.toml", '"Your move"', '" "', "en.toml: your_move: is empty"),
    "a turn that is not said": (
        "locales/de.toml",
        "Du bist dran",
        "Und jetzt du",
        "de.toml: nomination_accepted: body: does not say 'Und jetzt du'",
    ),
    "a turn that is nobody's": (
        "catalogue.toml",
        "your_move = true",
        "your_move = false",
        "nomination_accepted: body: says 'Your move'",
    ),
    "no words for several": ("locales/pt.toml", "several =", "many =", "pt.toml: .*several"),
    "a plural without a category of its language": (
        "locales/cs.toml",
        "few {# předměty} ",
        "",
        r"cs.toml: agreement_signed: body: \{courses\}: the plural lacks 'few'",
    ),
    "a plural with a category of another language": (
        "locales/de.toml",
        "one {# Kurs} ",
        "one {# Kurs} few {# Kurse} ",
        r"de.toml: agreement_signed: body: \{courses\}: the plural has, and its language has not,",
    ),
    "credits without the form of fractions": (
        "locales/cs.toml",
        "many {# kreditu ECTS} ",
        "",
        r"cs.toml: agreement_signed: body: \{ects\}: the plural lacks 'many'",
    ),
    "a plural that lacks its end": (
        "locales/pt.toml",
        "other {# disciplinas}}",
        "other {# disciplinas}",
        "pt.toml: agreement_signed: body: .*wanted",
    ),
    "a plural by a name": (
        "locales/pt.toml",
        "{courses, plural,",
        "{receiving_hei, plural,",
        "pt.toml: agreement_signed: body: no plural or select goes by receiving_hei",
    ),
    "a branch that lacks what another one says": (
        "locales/de.toml",
        "one {# Kurs} other {# Kurse}}",
        "one {# Kurs} other {# Kurse ({receiving_hei})}}",
        r"de.toml: agreement_signed: \{courses\}: one: lacks \{receiving_hei\}",
    ),
    "a branch that is too long": (
        "locales/de.toml",
        "one {# Kurs} ",
        f"one {{# Kurs{'e' * 300}}} ",
        "de.toml: agreement_signed: body: 1 to 320 characters, not 4",
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
    before = load_catalogue(folder)
    shutil.copy(folder / "locales/en.toml", folder / "locales/eo.toml")

    known: Catalogue = load_catalogue(folder)

    assert set(known.languages) == {*before.languages, "eo"}
    assert known.words["eo"] == known.words["en"]
    assert isinstance(known.words["eo"]["nominated"], Words)


def test_a_file_that_is_named_after_no_language_stops_the_start(folder: Path):
    shutil.copy(folder / "locales/en.toml", folder / "locales/xq.toml")

    with pytest.raises(SettingsInvalid, match=r"xq\.toml: CLDR knows no such language"):
        load_catalogue(folder)
