"""A student reads, fetches and allows what is held of them; nobody else does."""

import asyncio
import io
import json
import os
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
from databases import until
from pooler import engines_of
from testbed import Bed, kept

from erasmus_app.cli.phones import Phone
from erasmus_app.ids import global_id
from erasmus_app.kit.clock import utc_now

REQUEST = "mutation { requestExport { id state requestedAt downloadUrl size } }"
EXPORTS = "{ me { exports { id state readyAt expiresAt downloadUrl size } } }"
LOG = "{ me { accessLog { nodes { actor heiId purpose api outcome times mobilityId } } } }"
GIVE = """mutation ($purpose: String!, $version: Int!) {
    giveConsent(purpose: $purpose, version: $version) {
        ... on ConsentGiven { consent { purpose version language withdrawnAt } }
        ... on ConsentRefused { reason version } } }"""
ACKNOWLEDGE = """mutation ($version: String!) { acknowledgeNotice(version: $version) {
    ... on PrivacyNotice { version seenAt } ... on NoticeRefused { version } } }"""


async def ready(bed: Bed, phone: Phone) -> dict:
    """Ask for an archive and wait for it."""
    await bed.ask(phone, REQUEST)

    async def done() -> bool:
        [found] = (await bed.ask(phone, EXPORTS))["me"]["exports"]
        return found["state"] == "READY"

    await until(done)
    [found] = (await bed.ask(phone, EXPORTS))["me"]["exports"]
    return found


async def fetch(bed: Bed, phone: Phone, export: str) -> httpx.Response:
    return await bed.http.get(
        f"{bed.address}/privacy/exports/{kept(export, 'Export')}",
        headers={"authorization": f"Bearer {phone.token}"},
    )


async def a_token(bed: Bed, phone: Phone, ago: timedelta | None) -> str:
    """A token of the phone's session, had the login been so long ago, or did it not say when."""
    login = bed.app.services.login
    assert login is not None
    session = await login.session(bearer=phone.token, cookie=None)
    then = utc_now() - ago if ago else None
    return login.tokens.issue(msgspec.structs.replace(session, authenticated_at=then), utc_now())


async def command(bed: Bed, *words: str, folder: Path) -> tuple[int | None, str, str]:
    settings = bed.app.services.settings
    environment = os.environ | {
        **engines_of(settings.database_url, settings.redis_url),
        "ERASMUS_APP_DATA_DIR": str(settings.data_dir),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "erasmus_app.cli", *words),
        env=environment,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_an_archive_is_made_and_fetched_by_its_owner_with_a_fresh_login(bed: Bed):
    async with bed.working():
        await bed.take(6)
        phone = await bed.phone("ines", language="pt")
        await bed.until_planned(4)
        await bed.until_polled()
        await bed.until_idle()
        found = await ready(bed, phone)
    again = (await bed.ask(phone, REQUEST))["requestExport"]

    answer = await fetch(bed, phone, found["id"])

    assert again["id"] == found["id"]  # within an hour it is the same
    assert found["downloadUrl"].endswith(f"/privacy/exports/{kept(found['id'], 'Export')}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith('attachment; filename="erasmus-app-')
    assert len(answer.content) == found["size"] == int(answer.headers["content-length"])
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    data = json.loads(archive.read("data.json"))
    page = archive.read("index.html").decode()
    assert data["areas"]["mobility"]
    files = {each["file"] for each in data["areas"]["source_document"]} - {None}
    assert files == {each for each in archive.namelist() if each.startswith("sources/")}
    assert files
    assert data["language"] == "pt"
    assert '<html lang="pt">' in page


async def test_an_archive_is_refused_to_others_and_after_an_older_login(bed: Bed):
    phone = await bed.signed_in("ines")
    async with bed.working():
        found = await ready(bed, phone)
    other = await bed.signed_in("zofia")

    assert (await fetch(bed, other, found["id"])).status_code == 404
    assert (await fetch(bed, phone, global_id("Export", uuid4()))).status_code == 404
    for ago in (timedelta(minutes=11), None):
        phone.token = await a_token(bed, phone, ago)
        refused = await fetch(bed, phone, found["id"])
        assert (refused.status_code, refused.json()["code"]) == (403, "login_too_old")
        assert "/auth/login?fresh=true" in refused.json()["detail"]
    await bed.app.database.execute("update export set expires_at = now()")
    assert (await fetch(bed, phone, found["id"])).status_code == 404
    [over] = (await bed.ask(phone, EXPORTS))["me"]["exports"]
    assert (over["state"], over["downloadUrl"]) == ("EXPIRED", None)


async def test_a_text_that_no_database_keeps_is_refused_and_no_error_of_ours(bed: Bed):
    phone = await bed.signed_in("ines")
    bearer = {"Authorization": f"Bearer {phone.token}"}
    withdraw = r'mutation { withdrawConsent(purpose: "ne\u0000ws") { purpose } }'
    answer = await bed.http.post(f"{bed.address}/graphql", json={"query": withdraw}, headers=bearer)

    [error] = answer.json()["errors"]
    assert answer.json()["data"] == {"withdrawConsent": None}
    assert error["message"] == "a text has U+0000 in it, which no text here can have"
    assert error["extensions"]["code"] == "request_invalid"


async def test_a_consent_is_given_to_the_present_text_and_withdrawn(bed: Bed):
    phone = await bed.signed_in("ines")
    offered = "{ me { consents { purpose version title text given history { version } } } }"
    before = (await bed.ask(phone, offered))["me"]["consents"]
    version = next(each["version"] for each in before if each["purpose"] == "news")

    stale = await bed.ask(phone, GIVE, purpose="news", version=version - 1)
    strange = await bed.ask(phone, GIVE, purpose="everything", version=1)
    given = await bed.ask(phone, GIVE, purpose="news", version=version)
    after = (await bed.ask(phone, offered))["me"]["consents"]
    withdraw = 'mutation { withdrawConsent(purpose: "news") { purpose withdrawnAt } }'
    withdrawn = (await bed.ask(phone, withdraw))["withdrawConsent"]

    assert {each["given"] for each in before} == {False}
    assert stale["giveConsent"]["version"] == version
    assert strange["giveConsent"] == {
        "reason": "purpose: there is no such purpose",
        "version": None,
    }
    assert given["giveConsent"]["consent"]["withdrawnAt"] is None
    assert [each["purpose"] for each in after if each["given"]] == ["news"]
    assert withdrawn["withdrawnAt"] is not None
    assert (await bed.ask(phone, withdraw))["withdrawConsent"] is None


async def test_the_notice_is_acknowledged_in_the_present_version_only(bed: Bed):
    phone = await bed.signed_in("ines")
    notice = "{ me { privacyNotice { url version seenAt } } }"

    unseen = (await bed.ask(phone, notice))["me"]["privacyNotice"]
    stale = (await bed.ask(phone, ACKNOWLEDGE, version="0"))["acknowledgeNotice"]
    seen = (await bed.ask(phone, ACKNOWLEDGE, version="1"))["acknowledgeNotice"]

    assert unseen == {"url": None, "version": "1", "seenAt": None}
    assert stale == {"version": "1"}
    assert (await bed.ask(phone, notice))["me"]["privacyNotice"]["seenAt"] == seen["seenAt"]


async def test_an_operator_exports_and_reads_and_the_student_sees_it(bed: Bed, tmp_path: Path):
    phone = await bed.signed_in("ines")
    account = (await bed.ask(phone, "{ me { id } }"))["me"]["id"]
    archive = tmp_path / "ines.zip"
    by = ("--by", "maria")

    written = await command(
        bed, "student", "export", account, "--output", str(archive), *by, folder=tmp_path
    )
    twice = await command(
        bed, "student", "export", account, "--output", str(archive), *by, folder=tmp_path
    )
    status, log, _ = await command(bed, "student", "access", account, *by, folder=tmp_path)
    consents = await command(bed, "student", "consents", account, *by, folder=tmp_path)
    unknown = await command(bed, "student", "access", str(uuid4()), *by, folder=tmp_path)
    dry = await command(bed, "data", "retain", "--dry-run", folder=tmp_path)

    assert written[:2] == (0, f"{archive}\n"), written[2]
    assert archive.stat().st_mode & 0o777 == 0o600
    assert "ines" in json.dumps(
        json.loads(zipfile.ZipFile(archive).read("data.json"))["areas"]["account"]
    )
    assert twice[0] == 2  # what is there is not written over
    assert (status, json.loads(consents[1])[str(kept(account, "Student"))]) == (
        0,
        {"consents": [], "notices": {}},
    )
    assert {each["api"] for each in json.loads(log)} == {"student export", "student access"}
    assert (unknown[0], unknown[1]) == (1, "")
    assert (dry[0], json.loads(dry[1])) == (0, {"would_delete": {}})
    seen = (await bed.ask(phone, LOG))["me"]["accessLog"]["nodes"]
    assert {(each["actor"], each["api"], each["times"]) for each in seen} == {
        ("OPERATOR", "student export", 2),
        ("OPERATOR", "student access", 1),
        ("OPERATOR", "student consents", 1),
    }
    assert "maria" not in json.dumps(seen)
    other = await bed.signed_in("zofia")
    assert (await bed.ask(other, LOG))["me"]["accessLog"]["nodes"] == []
