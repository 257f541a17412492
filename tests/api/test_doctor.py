"""The login doctor, as an app and as a browser meet it."""

import httpx
import msgspec
import pytest
from testbed import Bed

from sandbox.login_people import PEOPLE

BY_KEY = {each.key: each for each in PEOPLE}
REPORT = """{ me { homes { heiId } loginDoctor { received missing
    identity { provider issuer subject homeHeis { heiId } }
    findings { condition claim hei { heiId } title ask page } } } }"""


async def page(bed: Bed, key: str, language: str = "en") -> httpx.Response:
    bed.http.cookies.clear()
    left = await bed.http.get(f"{bed.address}/auth/login", params={"login_hint": key})
    back = await bed.http.get((await bed.http.get(left.headers["location"])).headers["location"])
    assert back.status_code == 302
    headers = {"accept-language": language}
    return await bed.http.get(f"{bed.address}/auth/doctor", headers=headers)


async def test_an_app_reads_what_came_what_is_missing_and_whom_to_ask(bed: Bed):
    phone = await bed.signed_in("beatriz")
    found = (await bed.ask(phone, REPORT))["me"]
    beatriz = BY_KEY["beatriz"]

    assert found == {
        "homes": [{"heiId": "ribeira.example"}],
        "loginDoctor": [
            {
                "received": [
                    *("email", "family_name", "given_name", "name", "schac_home_organization"),
                    *("sub", "voperson_external_affiliation", "voperson_id"),
                ],
                "missing": ["schac_personal_unique_code"],
                "identity": {
                    "provider": "myacademicid",
                    "issuer": bed.world.login.issuer,
                    "subject": beatriz.subject,
                    "homeHeis": [{"heiId": "ribeira.example"}],
                },
                "findings": [
                    {
                        "condition": "ESI_MISSING",
                        "claim": "schac_personal_unique_code",
                        "hei": {"heiId": "ribeira.example"},
                        "title": "Your student identifier is missing",
                        "ask": "Ask the IT help desk or the international office of Ribeira "
                        "University to release your European Student Identifier to MyAcademicID. "
                        "Then log in again.",
                        "page": "https://myacademicid.devtest.eduteams.org/sp/",
                    }
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en", "Your student identifier is missing"),
        ("de-AT, en;q=0.5", "Deine Studierenden-Kennung fehlt"),
        ("pt", "Falta o teu identificador de estudante"),
        ("fi", "Opiskelijatunnisteesi puuttuu"),
        ("ja", "Your student identifier is missing"),
    ],
)
async def test_the_page_speaks_the_students_language_and_shows_no_contents(
    bed: Bed, language: str, says: str
):
    answer = await page(bed, "beatriz", language)

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert f"<h3>{says}</h3>" in answer.text
    beatriz = BY_KEY["beatriz"]
    for secret in (beatriz.email, beatriz.family_name, beatriz.subject, "<script"):
        assert secret not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_the_page_says_that_all_is_well_where_it_is(bed: Bed):
    assert "✓ Everything that we need has arrived." in (await page(bed, "ines")).text


async def test_what_a_university_writes_stays_text(bed: Bed):
    strange = msgspec.structs.replace(
        BY_KEY["beatriz"], home='<b>"uni".example', affiliations=("student@<i>",)
    )
    bed.world.login.people = (strange,)
    answer = await page(bed, "beatriz")

    assert (answer.status_code, "<b>" in answer.text, "<i>" in answer.text) == (200, False, False)
    assert "&lt;b&gt;" in answer.text


async def test_a_browser_without_a_session_is_shown_the_way_in(bed: Bed):
    bed.http.cookies.clear()
    answer = await bed.http.get(f"{bed.address}/auth/doctor")

    assert answer.status_code == 401
    assert 'href="/auth/login?return_to=/auth/doctor"' in answer.text
