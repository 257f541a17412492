"""What every answer carries, also where something went wrong (guide §2.4, §3.2)."""

import pytest
from lxml import etree
from unit.ewp.host.world import COMMON, NAME, OWN, SERVER, refusal, told
from unit.ewp.stranger import NOW, date_of, is_signed_answer, parameters

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEI = "/ewp/lindental.example"
ECHO = f"{HEI}/echo"
INDEX = f"{HEI}/omobilities/2/index?sending_hei_id=lindental.example"
UPDATE = f"{HEI}/omobilities/3/update"
UPDATE_REQUEST = (
    b"https://github.com/erasmus-without-paper/ewp-specs-api-omobilities/blob/stable-v3/"
    b"endpoints/update-request.xsd"
)


async def test_an_error_of_ours_is_told_without_what_it_said(world):
    world.kept.broken = True

    answer = await world.ask(INDEX)

    assert told(answer) == (
        500,
        "error-response",
        ["an error of ours; please try again later"],
    )


async def test_a_message_that_xml_cannot_carry_still_arrives(world):
    body = b'<omobilities-update-request xmlns="%s"><approve-proposal-v1>' % UPDATE_REQUEST
    body += b"<omobility-id>om-1</omobility-id><proposal-id>old</proposal-id>"
    body += b"</approve-proposal-v1></omobilities-update-request>"

    assert refusal(await world.post_xml(UPDATE, body)) == (409, "proposal-id: not the current one?")


async def test_an_answer_says_when_and_to_what_it_is_one(world):
    headers = OWN.request("GET", ECHO, host=NAME)

    answer = await world.http.get(world.origin + ECHO, headers=headers)

    # Proxies write a Date of their own: what is signed is the one that they leave alone.
    assert parameters(answer.headers["signature"])["headers"].split() == [
        "original-date",
        "digest",
        "x-request-id",
        "x-request-signature",
    ]
    assert answer.headers.get_list("date") == [answer.headers["original-date"]]
    assert is_signed_answer(SERVER, answer, request=headers)
    assert not answer.headers["signature"].startswith("Signature")


async def test_an_error_is_in_the_common_namespace_and_in_utf_8(world):
    answer = await world.ask(f"{HEI}/omobilities/3/get")

    assert answer.content.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    assert etree.fromstring(answer.content).tag == f"{{{COMMON}}}error-response"


async def test_the_head_of_the_manifest_has_no_body(world):
    whole = await world.ask(f"{HEI}/manifest.xml", after={"authorization": None})
    head = await world.ask(f"{HEI}/manifest.xml", method="HEAD", after={"authorization": None})

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers["date"] == date_of(NOW)
