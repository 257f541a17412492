"""The status page, for everybody: over HTTP, and as a person sees it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from api.test_consent_page_in_a_browser import CONTRAST, SMALLEST, WIDTHS
from browser import WHY_NOT, chromium
from databases import VAULT
from testbed import Bed, bed_running

from erasmus_app.api.pages import languages
from erasmus_app.api.pages.status import board_page, hei_page
from erasmus_app.ids import HeiId
from erasmus_app.institutions.status import Board, Calls, OwnStatus, State, heis_of
from erasmus_app.store.database import open_database
from erasmus_app.store.status import StatusTable

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NAMES = {
    "clairval.example": "Université de Clairval",
    "jezioro.example": "Uniwersytet nad Jeziorem",
    "lindental.example": "Hochschule für angewandte <Wissenschaften> Lindental an der Linde",
    "ribeira.example": "Universidade da Ribeira",
}
GOOD = {"last_success_at": NOW - timedelta(hours=1)}
BAD = {"last_failure_at": NOW, "last_failure": "partner_unreachable", "failures": 9}
FOUND = [
    Calls(hei_id=HeiId("clairval.example"), api="omobilities", **BAD),  # type: ignore[arg-type]
    Calls(hei_id=HeiId("jezioro.example"), api="imobilities"),
    Calls(hei_id=HeiId("lindental.example"), api="imobilities", **GOOD),  # type: ignore[arg-type]
    Calls(hei_id=HeiId("lindental.example"), api="omobility-las", **BAD),  # type: ignore[arg-type]
    Calls(hei_id=HeiId("ribeira.example"), api="omobilities", **GOOD),  # type: ignore[arg-type]
]
BOARD = Board(
    at=NOW,
    ours=(
        OwnStatus(name="catalogue", state=State.UP, seconds=60),
        OwnStatus(name="messages fcm", state=State.SLOW, seconds=700),
        OwnStatus(name="messages web_push", state=State.UP, seconds=0),
    ),
    heis=tuple(heis_of(FOUND, NOW)),
)


def name_of(hei: HeiId) -> str:
    return NAMES[hei]


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, worker=False) as bed:
        yield bed


async def test_whoever_asks_sees_how_it_goes_and_not_how_much_there_is(bed: Bed):
    await bed.app.database.execute(
        """insert into partner_health (tenant, hei_id, api, last_success_at)
           select 'ribeira.example', hei, 'imobilities', now()
           from unnest(array['lindental.example', 'ribeira.example']) as hei"""
    )
    page, found = [await bed.http.get(f"{bed.address}/status{each}") for each in ("", ".json")]
    german = {"accept-language": "de"}
    searched = await bed.http.get(f"{bed.address}/status?q=LINDEN tal", headers=german)
    one = await bed.http.get(f"{bed.address}/status/Lindental.example", headers=german)
    none = await bed.http.get(f"{bed.address}/status/nobody.example")

    assert [each.status_code for each in (page, found, searched, one, none)] == [200] * 4 + [404]
    assert [each.headers["cache-control"] for each in (page, found)] == ["public, max-age=30"] * 2
    assert "script" not in page.text
    assert searched.headers["content-language"] == "de"
    assert 'href="/status/lindental.example"' in searched.text
    assert 'href="/status/ribeira.example"' not in searched.text
    assert "<code>imobilities</code>" in one.text
    heis = {each["hei_id"]: each for each in found.json()["heis"]}
    assert heis["lindental.example"]["state"] == "up"
    assert {*heis["lindental.example"]} == {"hei_id", "state", "since", "last_success_at", "apis"}
    assert [each["name"] for each in found.json()["ours"]] == [
        "catalogue",
        "messages fcm",
        "messages web_push",
    ]


async def test_an_operator_may_keep_it_to_themselves(dsn: str, valkey: str, tmp_path: Path):
    async with bed_running(dsn, valkey, tmp_path, worker=False, status_page="false") as bed:
        found = [
            (await bed.http.get(f"{bed.address}/status{each}")).status_code
            for each in ("", ".json", "/ribeira.example")
        ]

    assert found == [404] * 3


async def test_of_several_tenants_the_latest_word_counts(dsn: str):
    async with open_database(dsn, VAULT) as database:
        await database.execute(
            """insert into partner_health (tenant, hei_id, api, last_success_at, last_failure_at,
                   last_failure, failures)
               values ('a.example', 'x.example', 'iias', $1, $2, 'partner_refused', 7),
                      ('b.example', 'x.example', 'iias', $2, $1, 'partner_unreachable', 2)""",
            NOW,
            NOW - timedelta(hours=1),
        )
        await database.execute(
            """insert into job (kind, payload, due)
               values ('deliver', '{}', now() - interval '5 minutes'),
                      ('deliver', '{}', now() + interval '5 minutes')"""
        )
        await database.execute("update job set lane = 'fcm'")
        table = StatusTable(database, lambda: None, ["fcm", "web_push"])
        [calls], own = await table.calls(), await table.own()

    assert calls == Calls(
        hei_id=HeiId("x.example"),
        api="iias",
        last_success_at=NOW,
        last_failure_at=NOW,
        last_failure="partner_unreachable",
        failures=2,
    )
    assert own.waits.keys() == {"fcm", "web_push"}
    assert timedelta(minutes=5) <= own.waits["fcm"] < timedelta(minutes=9)
    assert own.waits["web_push"] == timedelta(0)


@pytest.mark.parametrize("language", languages("status"))
def test_nothing_that_comes_from_elsewhere_becomes_markup(language: str):
    pages = [
        board_page(BOARD, 'x"><b>', name_of, language),
        board_page(BOARD, "lindental", name_of, language),
        *(hei_page(each, NOW, name_of, language) for each in BOARD.heis),
    ]

    for page in pages:
        assert "<Wissenschaften>" not in page
        assert '"><b>' not in page
        assert page.startswith(f'<!doctype html>\n<html lang="{language}">')
        assert "{" not in page.partition("</style>")[2]


@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
async def test_it_can_be_read_by_everybody_on_a_phone_by_day_and_by_night(tmp_path: Path):
    address = tmp_path / "status.html"
    address.write_text(board_page(BOARD, "linden", name_of, "en"), encoding="utf-8")
    async with chromium() as browser:
        for dark in (False, True):
            await browser.look(dark=dark)
            await browser.go(address.as_uri())
            whole, window = await browser.evaluate(WIDTHS)

            assert whole <= window
            assert await browser.evaluate(CONTRAST) >= 4.5
            assert await browser.evaluate(SMALLEST) >= 44
        said = await browser.tree()

    assert said[:5] == [
        ("RootWebArea", "Is it us, or is it them?"),
        ("main", ""),
        ("heading", "Is it us, or is it them?"),
        ("time", ""),
        ("heading", "Our part"),
    ]
    assert ("searchbox", "Name or id of a university") in said
    assert ("link", "Université de Clairval") in said
