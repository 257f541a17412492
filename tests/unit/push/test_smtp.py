"""Letters over SMTP to a sink on a socket, read back strictly; and each answer of a server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest

from erasmus_app.kit.clock import utc_now
from erasmus_app.kit.trust import trusting
from erasmus_app.notifications.letters import Letter
from erasmus_app.notifications.ports import Outcome, PushResult
from erasmus_app.push.letters import message_of, wire
from erasmus_app.push.mail import smtp_sender
from erasmus_app.push.smtp import AT_ONCE, Answer, SmtpPost, Step, judged
from sandbox.mail import running

FROM = "no-reply@app.example"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
STOP = f"https://api.a-rather-long-name-of-a-university.example/mail/stop/{'x' * 43}"
ACCEPTED = PushResult(outcome=Outcome.ACCEPTED)


def a_letter(n: int = 1, **changed: Any) -> Letter:
    values = {
        "mail_id": UUID(int=n),
        "to": "ines@post.example",
        "language": "el",
        "subject": "Γίνατε δεκτή στο πανεπιστήμιο υποδοχής, και τώρα είναι η σειρά σας",
        "parts": (("Τίτλος & <b>", "Κείμενο " * 30), ("", ".\u202eanna")),
        "link": ("Άνοιγμα", "https://app.example/?message=x&y=1"),
        "why": "Γιατί",
        "stop": ("Διακοπή", STOP),
    }
    return Letter(**values | changed)


@contextlib.asynccontextmanager
async def a_post(url: str) -> AsyncIterator[SmtpPost]:
    post = SmtpPost(smtp_sender(url, FROM, trusting(None)), utc_now)
    try:
        yield post
    finally:
        await post.close()


def strictly(content: bytes) -> EmailMessage:
    found = message_from_bytes(content, policy=policy.strict)
    assert isinstance(found, EmailMessage)
    for part in found.walk():
        assert part.defects == []
        assert all(each.defects == () for each in part.values())
    return found


def test_a_mail_is_7_bits_wide_and_its_lines_are_short():
    content = wire(message_of(a_letter(), FROM, NOW))

    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")
    lines = content.split(b"\r\n")
    assert [each for each in lines if len(each) > 78 and b"/mail/stop/" not in each] == []
    assert max(map(len, lines)) <= 998


def test_a_mail_read_back_strictly_says_what_was_written():
    letter = a_letter()
    found = strictly(wire(message_of(letter, f"Erasmus <{FROM}>", NOW)))

    assert found["subject"] == letter.subject
    assert found["to"].addresses[0].addr_spec == letter.to
    assert found["from"].addresses[0].addr_spec == FROM
    assert found["date"].datetime == NOW
    assert found["message-id"] == f"<{UUID(int=1)}@app.example>"
    assert found["auto-submitted"] == "auto-generated"
    assert found["list-unsubscribe"] == f"<{STOP}>"
    assert found["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert found.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in found.iter_parts()]
    assert kinds == ["text/plain", "text/html"]


def test_both_forms_have_everything_and_nothing_of_it_is_code_or_comes_from_elsewhere():
    letter = a_letter()
    text, page = (
        part.get_content() for part in strictly(wire(message_of(letter, FROM, NOW))).iter_parts()
    )

    for words in ("Κείμενο", "Γιατί", "Άνοιγμα", "Διακοπή", STOP, ". anna"):
        assert words in text
        assert words in page
    assert "Τίτλος & <b>" in text
    assert "Τίτλος &amp; &lt;b&gt;" in page
    assert 'href="https://app.example/?message=x&amp;y=1"' in page
    assert '<html lang="el">' in page
    assert "color-scheme" in page
    assert "\u202e" not in text + page
    assert not any(each in page for each in ("<img", "<script", "<link", "url(", "src="))


@pytest.mark.parametrize("end", ["\r\nBcc: all@post.example", "\nX: y", "\u2028X: y", "\x00"])
def test_no_header_ends_early(end: str):
    found = strictly(wire(message_of(a_letter(subject=f"News{end}"), FROM, NOW)))

    assert (found["bcc"], found["x"]) == (None, None)
    assert found["subject"].startswith("News")


def test_a_mail_with_a_code_offers_nothing_to_stop():
    letter = a_letter(link=None, why=None, stop=None)
    found = strictly(wire(message_of(letter, FROM, NOW)))

    assert (found["list-unsubscribe"], found["list-unsubscribe-post"]) == (None, None)


async def test_many_mails_go_over_few_connections():
    async with running() as sink, a_post(sink.url) as post:
        for n in range(12):
            assert await post.post(a_letter(n)) == ACCEPTED
        alone = sink.connections
        await asyncio.gather(*(post.post(a_letter(n)) for n in range(12, 40)))

    assert alone == 1
    assert sink.connections <= AT_ONCE
    assert len({each["message-id"] for each in sink.received}) == 40


async def test_what_came_is_byte_for_byte_what_was_written():
    async with running() as sink, a_post(sink.url) as post:
        await post.post(a_letter())

    [content] = sink.wire
    assert strictly(content).get_body(("plain",)) is not None
    assert b"\r\n..\xe2" not in content
    assert content.endswith(b"\r\n")


async def test_a_connection_that_the_server_has_closed_meanwhile_is_made_anew():
    async with running() as sink, a_post(sink.url) as post:
        await post.post(a_letter(1))
        sink.answers["RSET"] = ["421 had enough"]
        assert await post.post(a_letter(2)) == ACCEPTED

    assert (sink.connections, len(sink.received)) == (2, 2)


@pytest.mark.parametrize(
    ("verb", "answer", "outcome", "code"),
    [
        ("RCPT", "550 5.1.1 no such user", Outcome.DEVICE_GONE, "recipient_550_5.1.1"),
        ("RCPT", "556 5.1.10 null MX", Outcome.DEVICE_GONE, "recipient_556_5.1.10"),
        ("RCPT", "550 no", Outcome.REJECTED, "recipient_550"),
        ("RCPT", "550 4.1.1 odd", Outcome.REJECTED, "recipient_550"),
        ("RCPT", "552 5.2.2 full", Outcome.REJECTED, "recipient_552_5.2.2"),
        ("RCPT", "451 4.7.1 greylisted", Outcome.TRY_AGAIN, "recipient_451_4.7.1"),
        ("RCPT", "550 5.7.1 policy", Outcome.LANE_DOWN, "recipient_550_5.7.1"),
        ("MAIL", "553 5.7.1 not you", Outcome.LANE_DOWN, "sender_553_5.7.1"),
        ("MAIL", "421 4.3.2 closing", Outcome.LANE_DOWN, "sender_421_4.3.2"),
        ("HELLO", "554 5.7.1 not you", Outcome.LANE_DOWN, "hello_554_5.7.1"),
        ("CONTENT", "552 5.3.4 too big", Outcome.REJECTED, "content_552_5.3.4"),
        ("CONTENT", "451 4.3.0 later", Outcome.TRY_AGAIN, "content_451_4.3.0"),
        ("DATA", "554 no", Outcome.REJECTED, "content_554"),
    ],
)
async def test_each_answer_has_its_outcome(verb: str, answer: str, outcome: Outcome, code: str):
    async with running() as sink, a_post(sink.url) as post:
        sink.answers[verb] = [answer]
        found = await post.post(a_letter())

    assert (found.outcome, found.code) == (outcome, code)
    assert sink.received == []


async def test_after_a_refusal_the_next_mail_goes_over_the_same_connection():
    async with running() as sink, a_post(sink.url) as post:
        sink.answers["RCPT"] = ["550 5.1.1 nobody"]
        await post.post(a_letter(1))
        assert await post.post(a_letter(2)) == ACCEPTED

    assert sink.connections == 1


async def test_a_server_that_wants_nothing_of_ours_is_left_alone():
    async with running() as sink, a_post(sink.url) as post:
        sink.answers["MAIL"] = ["550 5.7.1 no"]
        await post.post(a_letter(1))
        found = await post.post(a_letter(2))

    assert (found.outcome, found.code) == (Outcome.LANE_DOWN, "lane_closed")
    assert found.retry_after is not None
    assert found.retry_after > 600
    assert sink.received == []


async def test_one_recipient_s_policy_stops_nobody_else_s_mail_and_two_do():
    async with running() as sink, a_post(sink.url) as post:
        sink.answers["RCPT"] = ["550 5.7.1 no"] * 2
        outcomes = [(await post.post(a_letter(to="a@x.example"))).outcome for _ in range(2)]
        between = await post.post(a_letter(to="b@x.example"))
        sink.answers["RCPT"] = ["550 5.7.1 no"]
        await post.post(a_letter(to="c@x.example"))
        after = await post.post(a_letter(to="d@x.example"))

    assert outcomes == [Outcome.LANE_DOWN] * 2
    assert between == ACCEPTED
    assert after.code == "lane_closed"


async def test_a_server_that_does_not_answer_is_left_alone_and_delays_no_names():
    loop = asyncio.get_running_loop()
    async with a_post("smtp://127.0.0.1:1") as post:
        found = [(await post.post(a_letter(n))).code for n in range(4)]
        await loop.getaddrinfo("localhost", 80)

    assert found == ["ConnectionRefusedError"] * 3 + ["lane_closed"]


async def test_what_is_no_answer_is_not_taken_for_a_yes():
    async with running() as sink, a_post(sink.url) as post:
        sink.answers["DATA"] = ["garbage without a code"]
        found = await post.post(a_letter())

    assert found.outcome is Outcome.TRY_AGAIN
    assert sink.received == []


def test_what_is_accepted_is_accepted_at_any_step():
    assert {judged(Answer(step, 250)) for step in Step} == {Outcome.ACCEPTED}
