"""Adding a further login to an account: what a student does, and what an attacker tries."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from api.test_roles import with_an_office
from testbed import Bed, bed_running
from testbed import kept as as_kept
from unit.store.samples import a_nomination, an_answer, take_in

from erasmus_app.cli.phones import Phone
from sandbox.login_people import PEOPLE, Identity
from sandbox.world import APP_LINK

BY_KEY = {each.key: each for each in PEOPLE}
INES = BY_KEY["ines"]
[ESI] = INES.unique_codes
SECOND = msgspec.structs.replace(INES, key="second")  # the same student, elsewhere
BY_MAIL = msgspec.structs.replace(INES, key="by mail", unique_codes=())
GOOGLE = msgspec.structs.replace(
    INES, key="google", home=None, affiliations=(), unique_codes=(), email="ines@mail.example"
)
EVERYBODY = (*PEOPLE, SECOND, BY_MAIL, GOOGLE)
BEGIN = """mutation($to: String) { beginLinking(provider: "myacademicid", returnTo: $to) {
    ... on LinkingBegun { url } ... on LinkingRefused { code } } }"""
COMPLETE = """mutation($code: String!) { completeLinking(code: $code) {
    ... on LinkedLogin { id state evidence } ... on LinkingRefused { code } } }"""
ME = "{ me { id identities { id subject } mobilities { id } links { id state evidence } } }"
UNDO = "mutation($id: ID!) { undoLinking(id: $id) }"
OFFICE = """{ office(heiId: "ribeira.example") { links { link { id state } older { name email }
    newer { name homes { heiId } } } } }"""
DECIDE = "mutation($id: ID!, $yes: Boolean!) { decideLink(id: $id, accept: $yes) { state } }"
UNLINK = "mutation($id: ID!) { unlinkIdentity(id: $id) }"


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, worker=False, prepare=with_an_office) as bed:
        bed.world.login.people = EVERYBODY
        yield bed
    while OPENED:
        await OPENED.pop().aclose()


OPENED: list[httpx.AsyncClient] = []


class Browser:
    """A browser, with its cookies."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.http = httpx.AsyncClient(timeout=20, trust_env=False)
        OPENED.append(self.http)

    async def log_in(self, key: str) -> httpx.Response:
        query = {"login_hint": key}
        left = await self.http.get(f"{self.bed.address}/auth/login", params=query)
        return await self.http.get(
            (await self.http.get(left.headers["location"])).headers["location"]
        )

    async def at_provider(self, url: str, key: str) -> str:
        """Follow an address to the provider, log in as somebody, and return the way back."""
        left = await self.http.get(url)
        assert left.status_code == 302, left.text
        there = f"{left.headers['location']}&login_hint={key}"
        return (await self.http.get(there)).headers["location"]

    async def follow(self, url: str, key: str) -> httpx.Response:
        return await self.http.get(await self.at_provider(url, key))

    async def ask(self, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        answer = (await self.http.post(f"{self.bed.address}/graphql", json=body)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def link(self, key: str) -> httpx.Response:
        begun = (await self.ask(BEGIN))["beginLinking"]
        return await self.follow(begun["url"], key)


def code_of(answer: httpx.Response) -> str:
    """The one-time code that came by app link."""
    assert answer.headers["location"].startswith(f"{APP_LINK}?link_code="), answer.text
    return parse_qs(urlsplit(answer.headers["location"]).query)["link_code"][0]


def reason(answer: httpx.Response) -> str:
    return answer.text.partition("<small>")[2].partition("</small>")[0]


async def begin(bed: Bed, phone: Phone, to: str = APP_LINK) -> dict[str, str]:
    return (await bed.ask(phone, BEGIN, to=to))["beginLinking"]


async def own(bed: Bed, person: Identity, om: str) -> None:
    nomination = a_nomination(person.unique_codes[0])
    await take_in(bed.app.records, an_answer(nomination, omobility_id=om))


async def me(bed: Bed, phone: Phone) -> dict[str, Any]:
    return (await bed.ask(phone, ME))["me"]


async def accounts(bed: Bed) -> list[int]:
    """How many identities each account has."""
    rows = await bed.app.database.fetch(
        "select count(*) as n from account_identity group by account_id order by 1"
    )
    return [row["n"] for row in rows]


async def test_a_browser_adds_a_login_with_the_same_identifier(bed: Bed):
    await own(bed, INES, "om-1")
    browser = Browser(bed)
    await browser.log_in("ines")
    before = (await browser.ask(ME))["me"]
    back = await browser.link("second")
    after = (await browser.ask(ME))["me"]

    assert (back.status_code, back.headers["location"]) == (302, "/auth/doctor")
    assert after["id"] == before["id"]
    assert {each["subject"] for each in after["identities"]} == {INES.subject, SECOND.subject}
    assert [(each["state"], each["evidence"]) for each in after["links"]] == [("JOINED", "ESI")]
    assert after["mobilities"] == before["mobilities"] != []
    again = Browser(bed)
    await again.log_in("second")  # the same account from here on
    assert (await again.ask(ME))["me"]["id"] == before["id"]


async def test_an_app_adds_a_login_and_completes_it_itself(bed: Bed):
    phone = await bed.signed_in("ines")
    browser = Browser(bed)
    back = await browser.follow((await begin(bed, phone))["url"], "by mail")
    assert await accounts(bed) == [1, 1]  # nothing is joined before the app says so
    done = (await bed.ask(phone, COMPLETE, code=code_of(back)))["completeLinking"]
    again = (await bed.ask(phone, COMPLETE, code=code_of(back)))["completeLinking"]

    assert (done["state"], done["evidence"]) == ("JOINED", "HOME_AND_EMAIL")
    assert again == {"code": "link_unknown"}  # a code is used once
    assert await accounts(bed) == [2]
    assert "erasmus-session" not in browser.http.cookies


async def test_the_older_account_stays_and_the_newer_ones_sessions_are_over(bed: Bed):
    older = await bed.signed_in("ines")
    kept = (await me(bed, older))["id"]
    newer = await bed.signed_in("second")
    back = await Browser(bed).follow((await begin(bed, newer))["url"], "ines")
    done = (await bed.ask(newer, COMPLETE, code=code_of(back)))["completeLinking"]

    assert done["state"] == "JOINED"
    assert (await me(bed, older))["id"] == kept
    assert len((await me(bed, older))["identities"]) == 2
    sessions = await bed.app.database.fetch(
        "select account_id from session where revoked_at is null"
    )
    assert {row["account_id"] for row in sessions} == {as_kept(kept, "Student")}


async def test_two_logins_that_have_nothing_in_common_wait_for_an_office(bed: Bed):
    phone = await bed.signed_in("ines")
    back = await Browser(bed).follow((await begin(bed, phone))["url"], "google")
    done = (await bed.ask(phone, COMPLETE, code=code_of(back)))["completeLinking"]

    assert (done["state"], done["evidence"]) == ("WAITING", "NONE")
    assert await accounts(bed) == [1, 1]


@pytest.mark.parametrize("victim", ["tiago", "beatriz", "zofia"])
async def test_another_students_login_is_not_joined_however_it_came_there(bed: Bed, victim: str):
    if BY_KEY[victim].unique_codes:
        await own(bed, BY_KEY[victim], "om-2")
    attacker = await bed.signed_in("ines")
    back = await Browser(bed).follow((await begin(bed, attacker))["url"], victim)
    done = (await bed.ask(attacker, COMPLETE, code=code_of(back)))["completeLinking"]

    assert (done["state"], (await me(bed, attacker))["mobilities"]) == ("WAITING", [])


async def test_a_victim_who_was_sent_the_address_joins_nothing_with_the_attackers(bed: Bed):
    attacker, victims_app = await bed.signed_in("ines"), await bed.signed_in("second")
    url = (await begin(bed, attacker))["url"]
    back = await Browser(bed).follow(url, "second")  # in the victim's browser
    stolen = (await bed.ask(victims_app, COMPLETE, code=code_of(back)))["completeLinking"]
    late = (await bed.ask(attacker, COMPLETE, code=code_of(back)))["completeLinking"]

    assert (stolen, late) == ({"code": "link_unknown"}, {"code": "link_unknown"})
    assert await accounts(bed) == [1, 1]


async def test_an_address_that_a_browser_began_leads_nowhere_in_another(bed: Bed):
    attacker = Browser(bed)
    await attacker.log_in("ines")
    url = (await attacker.ask(BEGIN))["beginLinking"]["url"]
    bare, victim = Browser(bed), Browser(bed)
    await victim.log_in("second")

    assert reason(await bare.http.get(url)) == "login_other_browser"
    url = (await attacker.ask(BEGIN))["beginLinking"]["url"]
    assert reason(await victim.http.get(url)) == "login_other_browser"
    # A way back that is begun in one browser is not gone in another.
    url = (await attacker.ask(BEGIN))["beginLinking"]["url"]
    back = await attacker.at_provider(url, "second")
    assert reason(await victim.http.get(back)) == "login_other_browser"
    assert reason(await attacker.http.get(back)) == "login_unknown"
    assert await accounts(bed) == [1, 1]


async def test_a_browser_that_signed_out_on_the_way_joins_nothing(bed: Bed):
    browser = Browser(bed)
    await browser.log_in("ines")
    url = (await browser.ask(BEGIN))["beginLinking"]["url"]
    back = await browser.at_provider(url, "second")
    await browser.http.post(f"{bed.address}/auth/logout")

    assert reason(await browser.http.get(back)) == "login_other_browser"
    assert await accounts(bed) == [1, 1]


async def test_an_address_and_its_way_back_are_used_once(bed: Bed):
    browser = Browser(bed)
    await browser.log_in("ines")
    url = (await browser.ask(BEGIN))["beginLinking"]["url"]
    back = await browser.at_provider(url, "second")
    assert (await browser.http.get(back)).status_code == 302

    assert reason(await browser.http.get(url)) == "link_unknown"
    assert reason(await browser.http.get(back)) == "login_unknown"  # nor does it begin anew
    assert reason(await browser.http.get(f"{bed.address}/auth/link/start")) == "link_unknown"


async def test_a_stale_session_adds_nothing_and_one_that_grew_stale_neither(bed: Bed):
    phone = await bed.signed_in("ines")
    back = await Browser(bed).follow((await begin(bed, phone))["url"], "second")
    old = "update session set authenticated_at = now() - interval '6 minutes'"
    await bed.app.database.execute(old)

    done = (await bed.ask(phone, COMPLETE, code=code_of(back)))["completeLinking"]
    assert done == {"code": "login_not_fresh"}
    assert await begin(bed, phone) == {"code": "login_not_fresh"}


async def test_what_comes_back_leads_to_registered_places_only(bed: Bed):
    phone = await bed.signed_in("ines")

    for strange in ("https://evil.example/", "/graphql", ""):
        assert await begin(bed, phone, strange) == {"code": "return_refused"}
    browser = Browser(bed)
    await browser.log_in("ines")
    for strange in ("//evil.example/", APP_LINK):
        assert (await browser.ask(BEGIN, to=strange))["beginLinking"] == {"code": "return_refused"}


async def test_the_accounts_own_login_is_none_to_add(bed: Bed):
    phone = await bed.signed_in("ines")
    back = await Browser(bed).follow((await begin(bed, phone))["url"], "ines")

    done = (await bed.ask(phone, COMPLETE, code=code_of(back)))["completeLinking"]
    assert done == {"code": "link_own"}


async def test_a_joined_login_is_taken_apart_again(bed: Bed):
    await own(bed, INES, "om-1")
    phone = await bed.signed_in("ines")
    other = await bed.signed_in("second")
    kept, joined = (await me(bed, phone))["id"], (await me(bed, other))["id"]
    back = await Browser(bed).follow((await begin(bed, phone))["url"], "second")
    done = (await bed.ask(phone, COMPLETE, code=code_of(back)))["completeLinking"]
    stranger = await bed.signed_in("tiago")
    refused = await bed.ask(stranger, UNDO, id=done["id"])
    undone = [await bed.ask(phone, UNDO, id=done["id"]) for _ in range(2)]
    again = await bed.signed_in("second")

    assert refused == {"undoLinking": False}
    assert undone == [{"undoLinking": True}, {"undoLinking": False}]
    assert ((await me(bed, phone))["id"], (await me(bed, again))["id"]) == (kept, joined)
    seen = [len((await me(bed, each))["mobilities"]) for each in (phone, again)]
    assert seen == [1, 0]  # whose it was before


async def test_after_thirty_days_it_stays_joined(bed: Bed):
    phone = await bed.signed_in("ines")
    back = await Browser(bed).follow((await begin(bed, phone))["url"], "second")
    done = (await bed.ask(phone, COMPLETE, code=code_of(back)))["completeLinking"]
    await bed.app.database.execute(
        "update account_link set decided_at = now() - interval '31 days'"
    )

    assert await bed.ask(phone, UNDO, id=done["id"]) == {"undoLinking": False}


async def test_a_login_is_taken_away_but_not_the_last_one(bed: Bed):
    await own(bed, INES, "om-1")
    phone = await bed.signed_in("by mail")
    back = await Browser(bed).follow((await begin(bed, phone))["url"], "ines")
    await bed.ask(phone, COMPLETE, code=code_of(back))
    found = await me(bed, phone)
    names = {each["subject"]: each["id"] for each in found["identities"]}
    taken = await bed.ask(phone, UNLINK, id=names[INES.subject])
    last = await bed.ask(phone, UNLINK, id=names[BY_MAIL.subject])
    left, alone = await me(bed, phone), await me(bed, await bed.signed_in("ines"))

    assert (len(found["mobilities"]), taken, last) == (
        1,
        {"unlinkIdentity": True},
        {"unlinkIdentity": False},
    )
    assert (left["mobilities"], len(alone["mobilities"])) == ([], 1)  # what only it led to
    assert alone["id"] != left["id"]


async def test_an_office_joins_a_guests_login_of_its_own_student_and_no_one_elses(bed: Bed):
    phone, marta = await bed.signed_in("ines"), await bed.signed_in("marta")
    back = await Browser(bed).follow((await begin(bed, phone))["url"], "google")
    done = (await bed.ask(phone, COMPLETE, code=code_of(back)))["completeLinking"]
    away = await bed.signed_in("jonas")  # of another university
    back = await Browser(bed).follow((await begin(bed, away))["url"], "beatriz")
    theirs = (await bed.ask(away, COMPLETE, code=code_of(back)))["completeLinking"]
    waiting = (await bed.ask(marta, OFFICE))["office"]["links"]
    refused = [
        (await bed.ask(who, DECIDE, id=id, yes=True))["decideLink"]
        for who, id in ((phone, done["id"]), (away, done["id"]), (marta, theirs["id"]))
    ]
    joined = (await bed.ask(marta, DECIDE, id=done["id"], yes=True))["decideLink"]

    assert waiting == [
        {
            "link": {"id": done["id"], "state": "WAITING"},
            "older": {"name": INES.name, "email": INES.email},
            "newer": {"name": GOOGLE.name, "homes": []},
        }
    ]
    assert (refused, joined) == ([None, None, None], {"state": "JOINED"})
    assert len((await me(bed, phone))["identities"]) == 2


async def test_the_addresses_of_both_logins_are_told_that_they_were_joined(bed: Bed):
    phone = await bed.signed_in("ines")
    second = msgspec.structs.replace(SECOND, email="other@post.example")
    bed.world.login.people = (INES, second)
    back = await Browser(bed).follow((await begin(bed, phone))["url"], "second")
    await bed.ask(phone, COMPLETE, code=code_of(back))
    async with bed.working():
        mails = await bed.world.mail.wait(2)

    assert {each["to"] for each in mails} == {INES.email, "other@post.example"}
    assert {each["subject"] for each in mails} == {"Two of your logins were joined"}
