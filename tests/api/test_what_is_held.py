"""A student reads, fetches and allows what is held of them; nobody else does."""

import io
import json
import zipfile
from datetime import timedelta

import httpx
from databases import until
from testbed import Bed

from erasmus_app.cli.phones import Phone
from erasmus_app.kit.clock import utc_now

REQUEST = "mutation { requestExport { id state requestedAt downloadUrl } }"
EXPORTS = "{ me { exports { id state readyAt expiresAt downloadUrl size } } }"


async def ready(bed: Bed, phone: Phone) -> dict:
    await bed.ask(phone, REQUEST)

    async def done() -> bool:
        [found] = (await bed.ask(phone, EXPORTS))["me"]["exports"]
        return found["state"] == "READY"

    await until(done)
    [found] = (await bed.ask(phone, EXPORTS))["me"]["exports"]
    return found


async def fetch(bed: Bed, phone: Phone, export: str) -> httpx.Response:
    return await bed.http.get(
        f"{bed.address}/privacy/exports/{export}",
        headers={"authorization": f"Bearer {phone.token}"},
    )


async def freshly(bed: Bed, minutes: float = 0) -> None:
    """Say of all sessions that the login was so long ago."""
    await bed.app.database.execute(
        "update session set authenticated_at = $1", utc_now() - timedelta(minutes=minutes)
    )


async def test_an_archive_is_made_and_fetched_by_its_owner_with_a_fresh_login(bed: Bed):
    async with bed.working():
        await bed.take(6)
        phone = await bed.phone("ines", language="pt")
        await bed.until_planned(4)
        await bed.until_polled()
        await bed.until_idle()
        found = await ready(bed, phone)
        await bed.ask(phone, "{ me { id } }")
    import pathlib

    again = (await bed.ask(phone, REQUEST))["requestExport"]

    answer = await fetch(bed, phone, found["id"])

    assert again["id"] == found["id"]  # within an hour it is the same
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith('attachment; filename="erasmus-app-')
    assert len(answer.content) == found["size"] == int(answer.headers["content-length"])
    pathlib.Path("/tmp/held.zip").write_bytes(answer.content)
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    data = json.loads(archive.read("data.json"))
    page = archive.read("index.html").decode()
    assert len(data["areas"]["mobility"]) >= 1
    files = {each["file"] for each in data["areas"]["source_document"]} - {None}
    assert files == {each for each in archive.namelist() if each.startswith("sources/")}
    assert files
    for word in ("<script", 'http-equiv="refresh"', "src="):
        assert word not in page
    assert data["language"] in page
