"""What stands in a mail, in every language; and words that are not whole."""

import shutil
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from unit.notifications.test_mailing import READER, unseen

from erasmus_app.errors import SettingsInvalid
from erasmus_app.ids import global_id
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.notifications.letters import Letter, Letters, load_mail_words

FOLDER = catalogue_folder()
LANGUAGES = (
    *("bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "ga", "hr", "hu", "is", "it"),
    *("lt", "lv", "mk", "mt", "nb", "nl", "nn", "pl", "pt", "ro", "sk", "sl", "sr", "sv", "tr"),
)
MAIL = UUID(int=7)


@pytest.fixture(scope="module")
def letters() -> Letters:
    catalogue = load_catalogue(FOLDER)
    return Letters(
        words=load_mail_words(FOLDER, catalogue.languages),
        catalogue=catalogue,
        app_url="https://app.example",
        public_url="https://api.example",
    )


def test_there_are_words_in_all_languages_and_none_has_another_s(letters: Letters):
    assert tuple(sorted(letters.words)) == LANGUAGES
    for name in letters.words["en"].__struct_fields__:
        texts = [getattr(each, name) for each in letters.words.values()]
        assert len(set(texts)) >= len(texts) - 2, name  # close neighbours may say it alike


def test_a_mail_of_one_message_says_what_its_push_says_and_leads_to_it(letters: Letters):
    words = letters.words["pt"]
    push = letters.catalogue.render_push("nomination_accepted", "pt")
    message = unseen(arguments={"receiving_hei": "lindental.example", "outcome": "negative"})

    assert letters.of(MAIL, READER, [message]) == Letter(
        mail_id=MAIL,
        to=READER.address,
        language="pt",
        subject=push.title,
        parts=((push.title, push.body),),
        link=(words.open, f"https://app.example/?message={global_id('Message', UUID(int=1))}"),
        why=words.why,
        stop=(words.stop, "https://api.example/mail/stop/t"),
    )


def test_several_are_one_mail_and_each_kind_is_told_once(letters: Letters):
    found = letters.of(MAIL, READER, [unseen(1), unseen(2, kind="agreement_sent_back"), unseen(3)])

    assert found.subject == letters.catalogue.phrases["pt"].several.title
    kinds = ("nomination_accepted", "agreement_sent_back")
    texts = [letters.catalogue.render_push(each, "pt") for each in kinds]
    assert found.parts == tuple((each.title, each.body) for each in texts)
    assert found.link == (letters.words["pt"].open, "https://app.example/")


def test_a_language_that_we_have_no_words_in_is_english(letters: Letters):
    reader = msgspec.structs.replace(READER, language="ja-JP")
    assert letters.of(MAIL, reader, [unseen()]).language == "en"


@pytest.mark.parametrize("language", sorted(load_catalogue(FOLDER).languages))
def test_the_mail_with_a_code_has_it_and_its_time_in_every_language(
    letters: Letters, language: str
):
    [(title, text)] = letters.with_code(MAIL, "a@b.example", language, "01234567").parts
    assert (title, "01234567" in text, "30" in text, "{" in text) == ("", True, True, False)


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ('stop = "Stop these mails"\n', "", "stop"),
        ('stop = "Stop these mails"', 'stop = " "', "1 to 60"),
        ('stop = "Stop these mails"', f'stop = "{"x" * 61}"', "1 to 60"),
        ('stop = "Stop these mails"', 'stop = "Stop {this}"', "placeholders"),
        ('stop = "Stop these mails"', 'stop = "Stop {"', "stop"),
        ("{code}", "code", "{code}, {minutes}"),
        ('stop = "', 'strange = "x"\nstop = "', "strange"),
    ],
)
def test_words_that_are_not_whole_stop_the_start(tmp_path: Path, old: str, new: str, wrong: str):
    shutil.copytree(FOLDER / "mails", tmp_path / "mails")
    path = tmp_path / "mails" / "en.toml"
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace(old, new), encoding="utf-8")

    assert path.read_text(encoding="utf-8") != before
    with pytest.raises(SettingsInvalid) as refused:
        load_mail_words(tmp_path, ["en"])
    assert wrong in str(refused.value)


def test_a_language_of_messages_without_words_of_mails_stops_the_start(tmp_path: Path):
    shutil.copytree(FOLDER / "mails", tmp_path / "mails")
    (tmp_path / "mails" / "fi.toml").unlink()

    with pytest.raises(SettingsInvalid, match=r"there is no fi\.toml"):
        load_mail_words(tmp_path, ["en", "fi"])
