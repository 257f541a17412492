"""Migrations leave the running version what it reads and writes (docs/decisions/0037)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from erasmus_app.store.versions import FIRST, MIGRATIONS

TAKES_AWAY = (
    r"\bdrop (column|table|type|view|function)\b",
    r"\brename\b",
    r"\balter column \w+ (set data )?type\b",
    r"\bset not null\b",
    r"\badd constraint\b",
    r"\badd column \w+ [^,;]*\bnot null\b(?![^,;]*\bdefault\b)",  # which older inserts leave out
)
REACH = r"update schema_reach set oldest = '(\d{4})'"
FEW = "-- few rows: "  # and why it is so


def faults(revision: str, sql: str, *, alone: bool = False) -> Iterator[str]:
    """Yield what a migration does that the version before it may not survive."""
    said = re.sub(r"--[^\n]*", "", sql).lower()
    made = set(re.findall(r"\bcreate table (\w+)", said))
    reach = [each for each in re.findall(REACH, said) if FIRST <= each <= revision]
    for each in TAKES_AWAY:
        if (found := re.search(each, said)) and not reach:
            yield f"{revision}: {found[0]}: only with {REACH}, the oldest that does without"
    indexes = re.findall(r"\bcreate (?:unique )?index (concurrently )?(\w+) on (\w+)", said)
    for concurrently, name, table in indexes:
        if concurrently and f"drop index concurrently if exists {name};" not in said:
            yield f"{revision}: {name}: drop it first, if it exists: it may be half made"
        if not concurrently and table not in made and FEW not in sql:
            yield f"{revision}: {name}: nobody can write meanwhile; `concurrently`, or {FEW!r}"
    if alone != bool("concurrently" in said):
        yield f"{revision}: what is done concurrently, and nothing else, is `alone = True`"
    for table in re.findall(r"\b(?:update|delete from) (\w+)", said):
        if table not in made | {"schema_reach", "on"} and FEW not in sql:
            yield f"{revision}: rows of {table} are changed under a lock; by a job, or {FEW!r}"


def test_no_migration_since_the_first_release_breaks_the_version_before_it():
    found = []
    for path in sorted((MIGRATIONS / "versions").glob("*.sql")):
        revision = path.name[:4]
        if revision > FIRST:
            alone = "\nalone = True\n" in path.with_suffix(".py").read_text(encoding="utf-8")
            found += faults(revision, path.read_text(encoding="utf-8"), alone=alone)
    assert found == []


def test_versions_are_in_the_order_of_their_numbers():
    before: str | None = None
    for path in sorted((MIGRATIONS / "versions").glob("*.py")):
        text = Path(path).read_text(encoding="utf-8")
        names = re.findall(r'^(?:down_)?revision[^=]*= (?:"(\d{4})"|None)$', text, re.MULTILINE)
        assert names == [path.name[:4], before or ""]
        before = path.name[:4]


@pytest.mark.parametrize(
    "sql",
    [
        "create table a (b text); create index c on a (b); update a set b = ''",
        "alter table job add column b text",
        "alter table job add column b text not null default '', add column c integer",
        "-- drop column b\nselect 1",
        "alter table job drop column b; update schema_reach set oldest = '0098'",
        "-- few rows: one for each partner\ncreate index c on poll_state (b)",
        "-- few rows: one\nupdate poll_state set b = 1",
    ],
)
def test_what_the_version_before_does_not_mind(sql: str):
    assert list(faults("0099", sql)) == []


@pytest.mark.parametrize(
    "sql",
    [
        "alter table job drop column b",
        "alter table job drop column b; update schema_reach set oldest = '0031'",
        "drop table job",
        "alter table job rename to task",
        "alter table job alter column b type integer",
        "alter table job alter column b set not null",
        "alter table job add column b text not null, add column c text default ''",
        "create unique index c on job (b)",
        "create index concurrently c on job (b)",
        "update job set b = 1",
        "delete from job",
    ],
)
def test_what_the_version_before_would_not_survive(sql: str):
    assert list(faults("0099", sql)) != []


def test_an_index_beside_writers_is_a_migration_of_its_own():
    sql = "drop index concurrently if exists c;\ncreate index concurrently c on job (b);"
    assert list(faults("0099", sql, alone=True)) == []
    assert len(list(faults("0099", sql))) == 1
    assert len(list(faults("0099", "select 1", alone=True))) == 1
