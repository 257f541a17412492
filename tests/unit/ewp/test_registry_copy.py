"""The copy of the catalogue on disk: what a start has when the registry is away."""

import os
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from unit.ewp.registries import FIRST, NOW, SECOND

from ewp import registry_copy
from ewp.errors import CatalogueUnavailable
from ewp.registry import CatalogueKeeper


async def test_a_start_needs_no_registry_when_a_copy_is_on_disk(http, keeper, served, path, clock):
    await keeper.refresh()
    served.status = 503
    clock.pass_by(hours=30)

    again = CatalogueKeeper(http, served.url, path, now=clock)
    await again.start()

    assert again.current.hei_ids == {"a.example"}
    assert again.age == timedelta(hours=30)


async def test_a_start_without_a_registry_and_without_a_copy_goes_on(keeper, served):
    served.status = 503

    await keeper.start()

    with pytest.raises(CatalogueUnavailable):
        _ = keeper.current


async def test_the_copy_brings_its_etag_so_a_restart_costs_no_download(
    http, keeper, served, path, clock
):
    served.headers |= {"ETag": 'W/"a--b"', "Last-Modified": "Mon, 02 Mar 2026 08:00:00 GMT"}
    await keeper.refresh()
    served.status = 304
    clock.pass_by(hours=2)
    again = CatalogueKeeper(http, served.url, path, now=clock)

    assert await again.load()
    assert again.age == timedelta(hours=2)
    assert await again.refresh()

    assert served.asked[-1]["if-none-match"] == 'W/"a--b"'
    assert again.age == timedelta()
    assert again.current.hei_ids == {"a.example"}


async def test_what_the_registry_confirms_counts_as_fresh_after_a_restart(
    http, keeper, served, path, clock
):
    served.headers["ETag"] = '"v1"'
    await keeper.refresh()
    served.status = 304
    clock.pass_by(days=6)
    await keeper.refresh()

    again = CatalogueKeeper(http, served.url, path, now=clock)
    await again.load()

    assert (again.age, again.stale) == (timedelta(), False)


async def test_the_copy_is_one_well_formed_file_and_nothing_else_is_left(keeper, path):
    await keeper.refresh()

    assert [each.name for each in path.parent.iterdir()] == ["catalogue.xml"]
    found = registry_copy.read(path)
    assert (found.document, found.copy.url) == (FIRST, keeper._url)


async def test_a_copy_of_another_registry_is_not_used(http, keeper, path, clock):
    await keeper.refresh()

    other = CatalogueKeeper(http, "https://dev-registry.example/", path, now=clock)

    assert not await other.load()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:200],
        lambda data: data[:-10],
        lambda data: data.replace(b"a.example", b"b.example"),
        lambda data: FIRST,
        lambda data: FIRST + b"\n<!-- {} -->\n",
    ],
    ids=["empty", "cut", "cut note", "changed", "no note", "empty note"],
)
async def test_a_damaged_copy_is_not_used(http, keeper, served, path, clock, damage):
    await keeper.refresh()
    path.write_bytes(damage(path.read_bytes()))

    again = CatalogueKeeper(http, served.url, path, now=clock)

    assert not await again.load()
    assert await again.refresh()
    assert "if-none-match" not in served.asked[-1]


async def test_a_copy_that_is_whole_but_no_catalogue_is_told_of_and_not_used(
    http, served, path, clock
):
    registry_copy.write(path, [b"<html/>"], registry_copy.Copy(url=served.url), NOW)
    keeper = CatalogueKeeper(http, served.url, path, now=clock)

    with capture_logs() as logs:
        assert not await keeper.load()

    assert [(each["event"], each["code"]) for each in logs] == [
        ("catalogue.copy_refused", "message_invalid")
    ]


async def test_a_disk_that_takes_nothing_does_not_make_the_catalogue_worse(
    http, served, tmp_path, clock
):
    keeper = CatalogueKeeper(http, served.url, tmp_path / "absent" / "c.xml", now=clock)

    with capture_logs() as logs:
        assert await keeper.refresh()

    assert keeper.current.hei_ids == {"a.example"}
    assert [each["event"] for each in logs] == ["catalogue.not_kept", "catalogue.refreshed"]


def test_a_write_that_is_interrupted_leaves_the_old_copy(path, monkeypatch):
    registry_copy.write(path, [FIRST], registry_copy.Copy(url="u"), NOW)

    def broken(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="No space left"):
        registry_copy.write(path, [SECOND], registry_copy.Copy(url="u"), NOW)

    assert registry_copy.read(path).document == FIRST
    assert [each.name for each in path.parent.iterdir()] == ["catalogue.xml"]


async def test_without_a_path_nothing_is_written(http, served, clock, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keeper = CatalogueKeeper(http, served.url, now=clock)

    await keeper.start()

    assert (keeper.current.hei_ids, list(tmp_path.iterdir())) == ({"a.example"}, [])
