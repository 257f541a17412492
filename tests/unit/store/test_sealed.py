"""Personal columns in the database: sealed, bound to their rows, under keys that rotate."""

import asyncio
import stat
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec
import pytest
from databases import VAULT, DatabaseServer, database_of_old, in_clear, until
from unit.store.samples import ABROAD, ESI, HOME, NOW, OM, a_nomination, an_answer, log_in, take_in

from erasmus_app.errors import AppError, DataKeyMissing, SealBroken, SettingsInvalid
from erasmus_app.mobilities.models import Api, Mobility, Source, Sourced
from erasmus_app.mobilities.own import Wanted
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.own_objects import OwnObjectTable
from erasmus_app.store.records import RecordTable
from erasmus_app.store.rotation import reseal
from erasmus_app.store.sealed import Vault, load_vault, new_key
from erasmus_app.store.sealing import COLUMNS
from erasmus_app.store.versions import see_tables, upgrade

KEY = "WORoSnlXZk5HTnlqQ0VhbUhzWnRrc1BhZXJvYmljUVE="
PERSON = UUID(int=7)
SOURCE = {
    "api": Api.OMOBILITIES,
    "major": 2,
    "hei_id": HOME,
    "asked_as": HOME,
    "fetched_at": NOW,
    "last_confirmed_at": NOW,
}
OLD, NEW, LOOKUP = b"d" * 32, b"n" * 32, b"l" * 32
BOTH = Vault.of([NEW, OLD], LOOKUP)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, VAULT) as database:
        await see_tables(database)
        yield database


def test_what_is_sealed_opens_at_its_place_alone():
    sealed = VAULT.seal("Inês".encode(), "account.display_name", "a")

    assert VAULT.open(sealed, "account.display_name", "a").decode() == "Inês"
    assert VAULT.seal("Inês".encode(), "account.display_name", "a") != sealed
    for place in (
        ("account.display_name", "b"),
        ("account.email", "a"),
        ("account.emaila",),
    ):
        with pytest.raises(SealBroken):
            VAULT.open(sealed, *place)


@pytest.mark.parametrize("at", [0, 1, 5, 17, -1])
def test_a_value_with_one_other_byte_is_refused_without_repeating_it(at: int):
    broken = bytearray(VAULT.seal(b"secret", "account.email", "a"))
    broken[at] ^= 1

    with pytest.raises((SealBroken, DataKeyMissing)) as refused:
        VAULT.open(bytes(broken), "account.email", "a")
    assert "secret" not in str(refused.value)


def test_keys_of_our_own_are_made_once_and_are_their_owners_alone(tmp_path: Path):
    first, again = load_vault(None, tmp_path), load_vault(None, tmp_path)

    assert again.open(first.seal(b"x", "a"), "a") == b"x"
    assert again.esi_key(ESI) == first.esi_key(ESI.upper()) != VAULT.esi_key(ESI)
    assert stat.S_IMODE((tmp_path / "data-keys").stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["data-keys"]


def test_of_several_keys_the_first_seals_and_all_open(tmp_path: Path):
    (tmp_path / "1.keys").write_text(f"# new\ndata: {new_key()}\n")
    (tmp_path / "2.keys").write_text(f"data: {new_key()}\nlookup: {new_key()}  # stays\n")
    both = load_vault(tmp_path, tmp_path)
    (tmp_path / "1.keys").rename(tmp_path / "3.keys")
    turned = load_vault(tmp_path, tmp_path)

    assert turned.first != both.first
    assert turned.open(both.seal(b"x", "a"), "a") == b"x"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "wants one `lookup:` and at least one `data:`"),
        (f"data: {KEY}", "wants one `lookup:`"),
        (f"lookup: {KEY}\nlookup: {KEY}\ndata: {KEY}", "wants one `lookup:`"),
        (f"data: {KEY[:-4]}", "line 1 is neither"),
        ("data: not-base64!", "line 1 is neither"),
        (f"# a comment\nkey: {KEY}", "line 2 is neither"),
    ],
)
def test_a_file_that_holds_no_keys_is_named_and_never_repeated(
    tmp_path: Path, text: str, says: str
):
    file = tmp_path / "keys"
    file.write_text(text)

    with pytest.raises(SettingsInvalid) as refused:
        load_vault(file, tmp_path)
    assert str(refused.value).startswith(f"ERASMUS_APP_DATA_KEYS: {file}: ")
    assert says in str(refused.value)
    assert KEY[:-4] not in str(refused.value)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (Vault.of([NEW], LOOKUP), "is not among those given"),
        (Vault.of([OLD], b"x" * 32), "the lookup key is not the one"),
    ],
)
async def test_a_start_with_other_keys_fails_and_changes_nothing(
    database: Database, keys: Vault, says: str
):
    before = await database.fetch("select * from data_key order by 1, 2")

    async with open_database(database.dsn, keys) as wrong:
        with pytest.raises(DataKeyMissing, match=says):
            await see_tables(wrong)
    assert await database.fetch("select * from data_key order by 1, 2") == before


async def test_two_processes_that_make_different_keys_at_once_do_not_both_start(dsn: str):
    async def start(keys: Vault) -> str:
        async with open_database(dsn, keys) as database:
            try:
                await see_tables(database)
            except AppError as error:
                return error.code
            return "started"

    found = await asyncio.gather(start(VAULT), start(Vault.of([NEW], b"x" * 32)))
    assert sorted(found) != ["started", "started"]


async def test_nothing_personal_of_a_login_and_a_record_lies_in_clear(database: Database):
    await log_in(AccountTable(database))
    await take_in(RecordTable(database), an_answer(a_nomination()))

    tables = await database.fetch(
        "select table_name from information_schema.tables where table_schema = 'public'"
    )
    for name in (row[0] for row in tables):
        rows = await database.fetchval(f"select string_agg(t::text, ' ') from {name} t")
        for what in ("Inês", "Almeida", "ribeira.example:4711"):
            for written in (what, what.encode().hex()):
                assert written not in (rows or ""), (name, what)


async def test_a_value_that_was_moved_to_another_row_is_refused(database: Database):
    records = RecordTable(database)
    await take_in(records, an_answer(a_nomination()))
    await take_in(records, an_answer(a_nomination(), omobility_id="om-2"))
    await database.execute(
        """update mobility set sealed = other.sealed from mobility other
           where mobility.omobility_id = 'om-2' and other.omobility_id = 'om-1'"""
    )

    with pytest.raises(SealBroken):
        async with records.change(HOME, HOME, "om-2"):
            pass


async def test_rotation_seals_all_anew_under_load_and_is_begun_again_after_a_stop(
    database: Database,
):
    records, names = RecordTable(database), [f"om-{n}" for n in range(30)]
    account = await log_in(AccountTable(database))
    for name in names:
        await take_in(records, an_answer(a_nomination(), omobility_id=name))
    async with open_database(database.dsn, BOTH) as both:
        await see_tables(both)
        under_way, writing = asyncio.Event(), True

        async def load() -> None:
            turn = 0
            while writing:
                turn += 1
                nomination = a_nomination(planned_arrival=date(2027, 2, 1 + turn % 28))
                name = names[turn % len(names)]
                await take_in(
                    RecordTable(both), an_answer(nomination, omobility_id=name, minutes=turn)
                )
                under_way.set()

        writer = asyncio.create_task(load())
        await under_way.wait()
        broken_off = asyncio.create_task(reseal(both))

        async def begun() -> bool:
            sql = "select 1 from account where substr(display_name, 2, 4) = $1"
            return bool(await both.fetchval(sql, BOTH.first))

        await until(begun)
        broken_off.cancel()
        await asyncio.gather(broken_off, return_exceptions=True)
        _, left = await reseal(both)
        writing = False
        await writer
        assert left == []
    async with open_database(database.dsn, Vault.of([NEW], LOOKUP)) as new:
        await see_tables(new)
        found = await RecordTable(new).mobilities_of(account)
        assert sorted(each.mobility.omobility_id for each in found) == sorted(names)
        for column in COLUMNS:
            await in_clear(new, column.name)
        assert await reseal(new) == ({}, [])
    with pytest.raises(DataKeyMissing):
        await see_tables(database)  # the old key alone opens nothing of it any more


@pytest.fixture
async def old_dsn(database_server: DatabaseServer) -> AsyncIterator[str]:
    """A database with the tables of before, and a student in clear."""
    async with database_of_old(database_server, "0006") as dsn:
        yield dsn


async def test_an_upgrade_seals_what_a_database_of_old_has_in_clear(old_dsn: str):
    record = Mobility(
        tenant=HOME,
        sending_hei_id=HOME,
        receiving_hei_id=ABROAD,
        omobility_id=OM,
        nomination=Sourced(value=a_nomination(), source=Source(**SOURCE)),
    )
    clear = await asyncpg.connect(old_dsn)
    await clear.execute("insert into person (tenant, person_id) values ($1, $2)", HOME, PERSON)
    await clear.execute(
        "insert into person_esi (tenant, esi_key, person_id, esi) values ($1, $2, $3, $4)",
        HOME,
        ESI.lower(),
        PERSON,
        ESI,
    )
    await clear.execute(
        """insert into mobility (tenant, person_id, sending_hei_id, omobility_id,
               receiving_hei_id, record) values ($1, $2, $1, $3, $4, $5::text::jsonb)""",
        HOME,
        PERSON,
        OM,
        ABROAD,
        msgspec.json.encode(record).decode(),
    )
    await clear.execute(
        """insert into source_document (tenant, api, hei_id, sending_hei_id, object_id, major, xml)
           values ($1, 'omobilities', $1, $1, $2, 2, '<a/>')""",
        HOME,
        OM,
    )
    await clear.execute(
        """insert into own_object (tenant, api, sending_hei_id, object_id, major, student_key,
               xml, changed_at, confirmed_at)
           values ($1, 'omobilities', $1, $2, 3, $3, '<b/>', now(), now())""",
        HOME,
        OM,
        ESI.lower(),
    )
    await clear.execute(
        """insert into event (tenant, person_id, event_id, mobility_id, step, kind, detail)
           select tenant, person_id, mobility_id, mobility_id, 'B1', 'nominated', '{"a": "1"}'
           from mobility""",
    )
    await clear.close()

    with pytest.raises(DataKeyMissing):
        await upgrade(old_dsn)  # without keys; it changes nothing
    await upgrade(old_dsn, VAULT)
    await upgrade(old_dsn, VAULT)

    async with open_database(old_dsn, VAULT) as database:
        await see_tables(database)
        account = await log_in(AccountTable(database))  # found by the hash of the ESI
        [stored] = await RecordTable(database).mobilities_of(account)
        assert stored.mobility == record
        assert await in_clear(database, "source_document.xml") == [b"<a/>"]
        assert await in_clear(database, "own_object.xml") == [b"<b/>"]
        assert await in_clear(database, "event.detail") == [b'{"a": "1"}']
        assert await in_clear(database, "person_esi.esi") == [ESI.encode()]
        own = OwnObjectTable(database)
        wanted = Wanted(parties=frozenset({HOME}), student_key=ESI.lower())
        assert await own.index(HOME, "omobilities", [3], wanted) == [OM]


async def test_an_upgrade_leaves_an_esi_to_the_account_that_had_it_first(old_dsn: str):
    clear = await asyncpg.connect(old_dsn)
    await clear.execute("insert into person (tenant, person_id) values ($1, $2)", HOME, PERSON)
    await clear.execute(
        "insert into person_esi (tenant, esi_key, person_id, esi) values ($1, $2, $3, $4)",
        HOME,
        ESI.lower(),
        PERSON,
        ESI,
    )
    for number in (1, 2):
        await clear.execute(
            """with made as (insert into account default values returning account_id),
               named as (insert into account_identity (issuer, subject, account_id)
                   select 'https://login.example', $3, account_id from made),
               seen as (insert into account_person (account_id, tenant, person_id)
                   select account_id, $4, $5 from made)
               insert into account_esi (account_id, esi_key, esi, first_seen_at)
               select account_id, $1, $2, now() + $6 * interval '1 day' from made""",
            ESI.lower(),
            ESI,
            f"{number}@myacademicid.org",
            HOME,
            PERSON,
            number,
        )
    await clear.close()
    await upgrade(old_dsn, VAULT)

    async with open_database(old_dsn, VAULT) as database:
        found = await database.fetch(
            """select subject, hold, esi_key, identity_esi.current, exists (
                   select 1 from account_person seen
                   where seen.account_id = account_identity.account_id) as sees
               from account_identity join identity_esi using (identity_id)
               join account_esi using (esi_key) where account_esi.account_id
                   = account_identity.account_id order by subject"""
        )
    key = VAULT.esi_key(ESI)  # the hash by now
    assert [tuple(row) for row in found] == [
        ("1@myacademicid.org", None, key, True, True),
        ("2@myacademicid.org", "elsewhere", key, True, False),
    ]
