"""Mail over SMTP, to a sink on a socket."""

import re
import shutil
import ssl
from pathlib import Path

import pytest

from erasmus_app.errors import MailFailed, SettingsInvalid
from erasmus_app.kit.trust import trusting
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.push import mail as mail_module
from erasmus_app.push.mail import SmtpSender, load_texts, smtp_sender, written
from sandbox.authority import Authority
from sandbox.mail import running

TEXTS = load_texts()
LANGUAGES = tuple(TEXTS["claim"])
VALUES = {"code": "01234567", "minutes": "10"}
TO, FROM = "bea@post.example", "no-reply@app.example"


def a_sender(url: str) -> SmtpSender:
    return smtp_sender(url, FROM, trusting(None))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_mail_arrives_as_it_was_written(language: str):
    async with running() as sink:
        await a_sender(sink.url).send(TO, "claim", language, **VALUES)

    [mail] = sink.received
    assert (mail["to"], mail["from"], mail["auto-submitted"]) == (TO, FROM, "auto-generated")
    assert mail["subject"] == TEXTS["claim"][language][0]
    assert "\n    01234567\n" in mail.get_content()
    assert "10" in mail.get_content()
    assert "{" not in mail.get_content()


async def test_a_server_is_talked_to_over_tls_that_we_trust(authority: Authority):
    async with running(authority.server_context()) as sink:
        host = sink.url.replace("127.0.0.1", "localhost")
        with pytest.raises(MailFailed) as stranger:
            await smtp_sender(host, FROM, ssl.create_default_context()).send(
                TO, "claim", "en", **VALUES
            )
        known = trusting(authority.ca_file)
        await smtp_sender(host, FROM, known).send(TO, "claim", "en", **VALUES)

    assert (stranger.value.retry, len(sink.received)) == (True, 1)


@pytest.mark.parametrize(("code", "retry"), [(451, True), (550, False)])
async def test_a_refusal_says_whether_another_time_may_do(code: int, retry: bool):
    async with running() as sink:
        sink.refusals.append(code)
        with pytest.raises(MailFailed) as refused:
            await a_sender(sink.url).send(TO, "claim", "en", **VALUES)

    assert (refused.value.code, refused.value.retry) == ("recipient_refused", retry)
    assert TO not in str(refused.value)


async def test_a_server_that_is_not_there_is_tried_again():
    with pytest.raises(MailFailed) as failed:
        await a_sender("smtp://127.0.0.1:1").send(TO, "claim", "en", **VALUES)

    assert failed.value.retry


async def test_nothing_is_said_in_clear_to_a_server_elsewhere():
    async with running() as sink:  # offers no STARTTLS
        elsewhere = SmtpSender(
            host="127.0.0.1.",  # the same place, by a name that is none of loopback's
            port=int(sink.url.rpartition(":")[2]),
            tls=False,
            sender=FROM,
            context=trusting(None),
        )
        with pytest.raises(MailFailed):
            await elsewhere.send(TO, "claim", "en", **VALUES)

    assert sink.received == []


@pytest.mark.parametrize(
    "url", ["http://mail.example", "smtp://", "smtps://u:s@mail.example:port", "mail.example", ""]
)
def test_an_address_that_is_none_stops_the_start_and_is_not_repeated(url: str):
    with pytest.raises(SettingsInvalid) as refused:
        a_sender(url)
    assert "ERASMUS_APP_SMTP_URL" in str(refused.value)
    assert "u:s@" not in str(refused.value)


def test_the_address_of_a_server_has_its_port_and_secret():
    found = smtp_sender("smtps://us%40er:se%3Acret@mail.example", FROM, trusting(None))

    assert (found.host, found.port, found.tls) == ("mail.example", 465, True)
    assert (found.user, found.secret) == ("us@er", "se:cret")
    assert a_sender("smtp://mail.example").port == 587


@pytest.mark.parametrize("kind", ["claim", "linked"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_has_its_values_in_every_language(kind: str, language: str):
    values = {"code": "01234567", "minutes": "10", "days": "30"}
    english = written(TO, FROM, kind, "en", values).get_content()
    found = written(TO, FROM, kind, language, values).get_content()

    for value in values.values():
        assert (value in found) is (value in english)


def test_a_language_that_we_have_no_words_in_is_english():
    assert written(TO, FROM, "claim", "eo", VALUES)["subject"] == TEXTS["claim"]["en"][0]


def test_mails_are_written_in_every_language_that_messages_have():
    assert load_catalogue(catalogue_folder()).languages == LANGUAGES


@pytest.mark.parametrize("kind", TEXTS)
def test_no_languages_mail_is_anothers(kind: str):
    bodies = [written(TO, FROM, kind, each, VALUES | {"days": "30"}) for each in LANGUAGES]

    assert [each["content-language"] for each in bodies] == list(LANGUAGES)
    assert len({each.get_content() for each in bodies}) == len(LANGUAGES)


@pytest.mark.parametrize(
    ("language", "minutes", "said"),
    [
        ("en", "1", "good for 1 minute."),
        ("pl", "10", "ważny 10 minut."),
        ("pl", "3", "ważny 3 minuty."),
        ("ro", "30", "valabil 30 de minute."),
        ("sl", "2", "Velja 2 minuti."),
    ],
)
def test_minutes_are_counted_as_the_language_counts(language: str, minutes: str, said: str):
    mail = written(TO, FROM, "claim", language, VALUES | {"minutes": minutes})

    assert said in mail.get_content()


@pytest.mark.parametrize(
    ("name", "old", "new", "refusal"),
    [
        ("claim.de.toml", "{code}", "", "claim.de.toml: body: must have its values"),
        ("claim.pl.toml", "many {# minut} ", "", "claim.pl.toml: {minutes}: the plural lacks"),
        ("claim.de.toml", "subject = ", "betreff = ", "claim.de.toml: Object"),
        (
            "linked.de.toml",
            'subject = "Zwei',
            'subject = "{n}',
            "linked.de.toml: subject: one line",
        ),
        ("linked.de.toml", None, None, "linked: lacks: de"),
    ],
)
def test_a_mails_text_that_is_wrong_stops_the_start(
    tmp_path: Path, name: str, old: str | None, new: str | None, refusal: str
):
    folder = tmp_path / "texts"
    shutil.copytree(Path(mail_module.__file__).parent / "texts", folder)
    if old is None or new is None:
        (folder / name).unlink()
    else:
        content = (folder / name).read_text()
        assert old in content
        (folder / name).write_text(content.replace(old, new))

    with pytest.raises(SettingsInvalid, match=re.escape(refusal)):
        load_texts(folder)
