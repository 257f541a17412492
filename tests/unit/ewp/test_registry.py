"""Keeping the catalogue at hand: from a registry that answers over a real socket, or does not."""

import asyncio
import gzip
from datetime import timedelta

import httpx
import pytest
from structlog.testing import capture_logs
from unit.ewp.catalogues import a_catalogue
from unit.ewp.registries import FIRST, NOW, SECOND, Registry, listening

from ewp import registry
from ewp.errors import CatalogueUnavailable
from ewp.registry import CatalogueKeeper

# --- asking


async def test_before_anything_is_there_the_catalogue_is_unavailable(keeper):
    with pytest.raises(CatalogueUnavailable):
        _ = keeper.current
    assert (keeper.age, keeper.stale, keeper.last_success_at) == (None, True, None)


async def test_the_registrys_catalogue_is_current_once_it_was_asked(keeper):
    with capture_logs() as logs:
        assert await keeper.refresh()

    assert keeper.current.hei_ids == {"a.example"}
    assert (keeper.age, keeper.stale) == (timedelta(), False)
    assert keeper.last_success_at == NOW
    assert [each | {"seconds": None} for each in logs] == [
        {
            "event": "catalogue.refreshed",
            "log_level": "info",
            "heis": 1,
            "hosts": 1,
            "seconds": None,
        }
    ]


async def test_a_compressed_answer_is_read_too(keeper, served):
    served.document = gzip.compress(SECOND)
    served.headers["Content-Encoding"] = "gzip"

    assert await keeper.refresh()
    assert keeper.current.hei_ids == {"a.example", "b.example"}


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        ("max-age=300, must-revalidate", 300),
        ("public, Max-Age=600", 600),
        ("max-age=5", 60),
        ("max-age=0, no-cache", 60),
        ("max-age=99999999", 10_800),
        ("s-maxage=5", 900),
        ("no-store", 900),
        ("max-age=soon", 900),
        ("", 900),
    ],
)
async def test_the_next_look_is_when_the_registry_says_within_reason(
    keeper, served, cache_control, seconds
):
    served.headers["Cache-Control"] = cache_control

    await keeper.refresh()

    assert keeper.wait == seconds


async def test_nobody_is_asked_before_it_is_time_unless_forced(keeper, served, clock):
    await keeper.refresh()

    clock.pass_by(seconds=299)
    assert await keeper.refresh()
    assert len(served.asked) == 1
    assert await keeper.refresh(force=True)
    assert len(served.asked) == 2
    clock.pass_by(seconds=300)
    assert await keeper.refresh()
    assert len(served.asked) == 3


async def test_a_clock_that_was_put_back_does_not_stop_the_refreshing(keeper, served, clock):
    await keeper.refresh()

    clock.pass_by(days=-30)

    assert keeper.wait == 0
    assert keeper.age == timedelta()
    assert await keeper.refresh()
    assert len(served.asked) == 2


async def test_an_unchanged_catalogue_is_not_sent_again(keeper, served, clock):
    served.headers |= {"ETag": '"v1"', "Last-Modified": "Mon, 02 Mar 2026 08:00:00 GMT"}
    await keeper.refresh()
    before = keeper.current
    served.status = 304
    clock.pass_by(minutes=10)

    assert await keeper.refresh()

    assert keeper.current is before
    assert keeper.age == timedelta()
    assert "if-none-match" not in served.asked[0]
    assert served.asked[1]["if-none-match"] == '"v1"'
    assert served.asked[1]["if-modified-since"] == "Mon, 02 Mar 2026 08:00:00 GMT"


async def test_a_new_catalogue_replaces_the_old_one(keeper, served, clock):
    await keeper.refresh()
    served.document = SECOND
    clock.pass_by(minutes=5)

    assert await keeper.refresh()

    assert keeper.current.hei_ids == {"a.example", "b.example"}


# --- what goes wrong


BROKEN = {
    "a server error": ({"status": 503}, "http_503"),
    "not found": ({"status": 404}, "http_404"),
    "a redirect": ({"status": 302, "headers": {"Location": "/other"}}, "http_302"),
    "an empty answer": ({"document": b""}, "xml_refused"),
    "an HTML page": ({"document": b"<html><body>Maintenance"}, "xml_refused"),
    "another document": ({"document": b"<html/>"}, "message_invalid"),
    "a catalogue without hosts": ({"document": a_catalogue()}, "message_invalid"),
    "a DOCTYPE": ({"document": b"<!DOCTYPE a>" + FIRST}, "xml_refused"),
    "half a document": ({"document": SECOND[: len(SECOND) // 2]}, "xml_refused"),
    "a connection that ends": ({"document": SECOND, "cut": True}, "unreachable"),
    "broken gzip": (
        {"document": SECOND, "headers": {"Content-Encoding": "gzip"}},
        "unreachable",
    ),
}


@pytest.mark.parametrize(("change", "code"), BROKEN.values(), ids=BROKEN)
async def test_a_bad_answer_never_replaces_a_good_catalogue(
    keeper, served, clock, path, change, code
):
    await keeper.refresh()
    before, on_disk = keeper.current, path.read_bytes()
    for name, value in change.items():
        setattr(served, name, value)
    clock.pass_by(minutes=5)

    with capture_logs() as logs:
        assert not await keeper.refresh()

    assert keeper.current is before
    assert path.read_bytes() == on_disk
    assert keeper.age == timedelta(minutes=5)
    assert keeper.wait == 180
    assert logs == [{"event": "catalogue.unavailable", "log_level": "warning", "code": code}]


async def test_a_304_that_nobody_can_mean_is_no_answer(keeper, served):
    served.status = 304

    assert not await keeper.refresh()


async def test_a_registry_that_is_away_is_no_answer_and_is_left_in_peace_for_a_while(
    http, path, clock
):
    async with listening(Registry()) as gone:
        pass
    keeper = CatalogueKeeper(http, gone.url, path, now=clock)

    with capture_logs() as logs:
        assert not await keeper.refresh()
        clock.pass_by(seconds=179)
        assert not await keeper.refresh()
    assert [each["code"] for each in logs] == ["unreachable"]
    clock.pass_by(seconds=1)
    with capture_logs() as logs:
        assert not await keeper.refresh()
    assert [each["code"] for each in logs] == ["unreachable"]


async def test_a_registry_that_is_too_slow_is_no_answer(keeper, served, monkeypatch):
    monkeypatch.setattr(registry, "TIMEOUT", httpx.Timeout(0.05))
    served.hold = asyncio.Event()

    with capture_logs() as logs:
        assert not await keeper.refresh()

    served.hold.set()
    assert [each["code"] for each in logs] == ["timeout"]


async def test_a_document_that_drips_without_end_is_given_up(keeper, served, monkeypatch):
    monkeypatch.setattr(registry, "WHOLE_TIMEOUT", 0.05)
    served.hold = asyncio.Event()

    with capture_logs() as logs:
        assert not await keeper.refresh()

    served.hold.set()
    assert [each["code"] for each in logs] == ["timeout"]


async def test_a_document_that_is_too_large_is_given_up(keeper, served, monkeypatch):
    monkeypatch.setattr(registry, "DEFAULT", registry.DEFAULT.__class__(bytes=100))

    with capture_logs() as logs:
        assert not await keeper.refresh()

    assert [each["code"] for each in logs] == ["catalogue_unavailable"]


async def test_after_five_days_without_the_registry_the_catalogue_is_stale_but_there(
    keeper, served, clock
):
    await keeper.refresh()
    served.status = 503

    clock.pass_by(days=5)
    assert not keeper.stale
    clock.pass_by(seconds=1)
    await keeper.refresh()

    assert (keeper.stale, keeper.age) == (True, timedelta(days=5, seconds=1))
    assert keeper.current.hei_ids == {"a.example"}


async def test_the_registry_is_asked_once_however_many_want_to_know(keeper, served):
    served.hold = asyncio.Event()
    asking = [asyncio.create_task(keeper.refresh()) for _ in range(5)]
    served.hold.set()

    assert await asyncio.gather(*asking) == [True] * 5
    assert len(served.asked) == 1


# --- an unknown key


async def test_an_unknown_key_makes_us_look_early_but_once_a_minute(keeper, served, clock):
    await keeper.refresh()
    served.document = SECOND

    clock.pass_by(seconds=1)
    assert await keeper.refresh_for_unknown_key()
    assert keeper.current.covers("b.example")
    clock.pass_by(seconds=59)
    assert not await keeper.refresh_for_unknown_key()
    assert len(served.asked) == 2
    clock.pass_by(seconds=1)
    assert await keeper.refresh_for_unknown_key()
    assert len(served.asked) == 3


async def test_many_unknown_keys_at_once_are_one_question(keeper, served):
    await keeper.refresh()

    found = await asyncio.gather(*(keeper.refresh_for_unknown_key() for _ in range(20)))

    assert (sorted(found), len(served.asked)) == ([False] * 19 + [True], 2)


async def test_an_unknown_key_does_not_disturb_a_registry_that_just_failed(keeper, served, clock):
    served.status = 503
    await keeper.refresh()

    assert not await keeper.refresh_for_unknown_key()
    assert len(served.asked) == 1
    clock.pass_by(seconds=180)
    assert not await keeper.refresh_for_unknown_key()
    assert len(served.asked) == 2


# --- for ever


async def test_the_loop_refreshes_as_often_as_the_registry_says(http, served):
    served.headers["Cache-Control"] = "max-age=0"
    keeper = CatalogueKeeper(http, served.url, shortest=0.01)

    running = asyncio.create_task(keeper.run())
    async with asyncio.timeout(10):
        await served.asked_thrice.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert keeper.current.hei_ids == {"a.example"}
