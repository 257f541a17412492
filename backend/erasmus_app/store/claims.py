"""Claims to mobilities in PostgreSQL."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from erasmus_app.identity.claiming import (
    CODE_LIFETIME,
    MOST_CLAIMS,
    MOST_MAILS,
    MOST_TRIES,
    WINDOW,
    ClaimEvidence,
    ClaimState,
    MobilityClaim,
    OfficeClaim,
    is_address,
    new_code,
)
from erasmus_app.ids import AccountId, HeiId, OmobilityId, PersonId
from erasmus_app.mobilities.models import Mobility, StudentData
from erasmus_app.store import jobs
from erasmus_app.store.database import Database
from erasmus_app.store.sealed import Vault, vault_of
from erasmus_app.store.sealed_records import joined

MAIL = "mail-claim"
"""The job that mails a code, where there is an address to mail it to."""
_CLAIM = """account_id, claim_id, sending_hei_id, omobility_id, state, begun_at, evidence,
    decided_at, contradicted_at"""


class Letter(NamedTuple):
    """A code on its way. Personal."""

    address: str
    code: str
    language: str


class _Paper(NamedTuple):
    """A mobility that is claimed, as one tenant's data know it."""

    tenant: HeiId
    person: PersonId
    mobility: Mobility


@dataclass(frozen=True, slots=True)
class ClaimTable:
    """All claims; see `identity.claiming.ClaimStore`."""

    database: Database

    async def begin(
        self, account: AccountId, sending: HeiId, omobility_id: OmobilityId, now: datetime
    ) -> MobilityClaim | None:
        """Note a claim and the job that mails a code; None where it is one too many.

        The same is done whether there is such a mobility or not: the job finds out.
        """
        async with self.database.transaction() as connection:
            await connection.fetchval(  # one after the other, so that the count is right
                "select 1 from account where account_id = $1 for update", account
            )
            begun = await connection.fetchval(
                "select count(*) from mobility_claim where account_id = $1 and begun_at > $2",
                account,
                now - WINDOW,
            )
            if begun >= MOST_CLAIMS:
                return None
            row = await connection.fetchrow(
                f"""insert into mobility_claim (account_id, sending_hei_id, omobility_id, begun_at)
                    values ($1, $2, $3, $4) returning {_CLAIM}""",  # noqa: S608 - a constant
                account,
                sending,
                omobility_id,
                now,
            )
            await jobs.enqueue(
                connection,
                MAIL,
                {"claim_id": str(row["claim_id"])},
                dedupe_key=f"{MAIL} {row['claim_id']}",
                due=now,
            )
        return _claim(row)

    async def letter(self, claim: UUID, now: datetime) -> Letter | None:
        """Make a code for an open claim; None where no mail shall be sent.

        That is so where there is no such mobility or no address in its papers, where somebody sees
        it already or an ESI speaks against it, and where enough mails went out about it.
        """
        async with self.database.transaction() as connection:
            row = await connection.fetchrow(
                """select account_id, language, sending_hei_id, omobility_id
                   from mobility_claim join account using (account_id)
                   where claim_id = $1 and state = 'open' and begun_at > $2""",
                claim,
                now - CODE_LIFETIME,
            )
            if row is None:
                return None
            place = (row["sending_hei_id"], row["omobility_id"])
            await connection.execute(
                "select pg_advisory_xact_lock(hashtextextended($1, 0))", f"claims {place}"
            )
            mailed = await connection.fetchval(
                """select count(*) from mobility_claim where sending_hei_id = $1
                       and omobility_id = $2 and mailed_at > $3""",
                *place,
                now - WINDOW,
            )
            papers = await _papers(connection, *place)
            address = next((each for paper in papers for each in _addresses(paper.mobility)), None)
            if address is None or mailed >= MOST_MAILS:
                return None
            if any([await _is_others(connection, row["account_id"], each) for each in papers]):
                return None
            code, vault = new_code(), vault_of(connection)
            await connection.execute(
                """update mobility_claim set code_key = $2, code_until = $3, tries = 0,
                       mail_key = $4, mailed_at = $5 where claim_id = $1""",
                claim,
                vault.hashed("claim", f"{claim} {code}"),
                now + CODE_LIFETIME,
                vault.hashed("mail", address.casefold()),
                now,
            )
        return Letter(address=address, code=code, language=row["language"])

    async def confirm(self, account: AccountId, claim: UUID, code: str, now: datetime) -> bool:
        """Grant an open claim whose code this is. Each wrong one counts, and so does a right one.

        The mobility's papers must still have the address that the code was mailed to.
        """
        guess = self.database.vault.hashed("claim", f"{claim} {code}")
        async with self.database.transaction() as connection:
            row = await connection.fetchrow(
                """update mobility_claim set tries = tries + 1
                   where claim_id = $1 and account_id = $2 and state = 'open'
                       and code_until > $3 and tries < $4
                   returning sending_hei_id, omobility_id, code_key, mail_key""",
                claim,
                account,
                now,
                MOST_TRIES,
            )
            if row is None or not hmac.compare_digest(row["code_key"], guess):
                return False
            vault = vault_of(connection)
            papers = [
                each
                for each in await _papers(connection, row["sending_hei_id"], row["omobility_id"])
                if row["mail_key"]
                in {vault.hashed("mail", one.casefold()) for one in _addresses(each.mobility)}
                and not await _is_others(connection, account, each)
            ]
            if not papers:
                return False
            await _show(connection, account, papers)
            await _decided(connection, claim, ClaimState.GRANTED, ClaimEvidence.EMAIL, account, now)
        return True

    async def claims(self, account: AccountId) -> list[MobilityClaim]:
        """Return the account's claims, the latest first."""
        rows = await self.database.fetch(
            f"""select {_CLAIM} from mobility_claim where account_id = $1
                order by begun_at desc, claim_id""",  # noqa: S608 - a constant
            account,
        )
        return [_claim(row) for row in rows]

    async def of_office(self, hei: HeiId) -> list[OfficeClaim]:
        """Return the claims to this HEI's mobilities that wait, or are contradicted."""
        vault, found = self.database.vault, []
        rows = await self.database.fetch(
            """select claim.*, account.display_name, account.email, mobility.record::text as record,
                   mobility.sealed, mobility.person_id, array(select distinct unnest(home_hei_ids)
                       from account_identity mine where mine.account_id = claim.account_id) as homes
               from mobility_claim claim
               join mobility using (sending_hei_id, omobility_id)
               join account using (account_id)
               where mobility.tenant = $1 and (claim.state = 'open'
                   or (claim.state = 'granted' and contradicted_at is not null))
               order by claim.begun_at, claim_id""",
            hei,
        )
        for row in rows:
            student = next(_students(joined(row, vault)), None)
            account = row["account_id"]
            found.append(
                OfficeClaim(
                    claim=_claim(row),
                    claimant_name=vault.open_text(
                        row["display_name"], "account.display_name", account
                    ),
                    claimant_email=vault.open_text(row["email"], "account.email", account),
                    claimant_homes=tuple(HeiId(each) for each in row["homes"]),
                    student_name=f"{student.given_names} {student.family_name}"
                    if student
                    else None,
                    person_id=PersonId(row["person_id"]),
                )
            )
        return found

    async def decide(
        self, claim: UUID, heis: tuple[HeiId, ...], by: AccountId, accept: bool, now: datetime
    ) -> MobilityClaim | None:
        """Decide for one of these HEIs; None where there is nothing that they have to decide.

        Nobody decides about a claim of their own. Refusing what was granted takes it back.
        """
        async with self.database.transaction() as connection:
            row = await connection.fetchrow(
                """select account_id, sending_hei_id, omobility_id, state from mobility_claim
                   where claim_id = $1 and account_id <> $2 and (state = 'open'
                       or (state = 'granted' and contradicted_at is not null)) for update""",
                claim,
                by,
            )
            if row is None:
                return None
            papers = [
                each
                for each in await _papers(connection, row["sending_hei_id"], row["omobility_id"])
                if each.tenant in heis
            ]
            if not papers:
                return None
            if accept:
                await _show(connection, row["account_id"], papers)
            elif row["state"] == ClaimState.GRANTED:
                await connection.execute(
                    """delete from account_person where account_id = $1
                       and (tenant, person_id) in (select * from unnest($2::text[], $3::uuid[]))""",
                    row["account_id"],
                    [each.tenant for each in papers],
                    [each.person for each in papers],
                )
            state = ClaimState.GRANTED if accept else ClaimState.REFUSED
            return await _decided(connection, claim, state, ClaimEvidence.DECIDED, by, now)


_CONTRADICTED = """update mobility_claim claim set contradicted_at = now()
    from mobility where claim.state = 'granted' and contradicted_at is null
        and mobility.sending_hei_id = claim.sending_hei_id
        and mobility.omobility_id = claim.omobility_id and {which}
        and exists (select 1 from person_esi papers left join account_esi other
                on other.esi_key = papers.esi_key and other.account_id <> claim.account_id
            where papers.tenant = mobility.tenant and papers.person_id = mobility.person_id
                and (other.account_id is not null or exists (select 1 from account_esi mine
                    where mine.account_id = claim.account_id)))
        and not exists (select 1 from person_esi papers join account_esi mine using (esi_key)
            where papers.tenant = mobility.tenant and papers.person_id = mobility.person_id
                and mine.account_id = claim.account_id)"""
"""What an ESI speaks against: the papers' is none of the account's, which has another, or somebody
else has it."""


async def flag_account(connection: asyncpg.Connection, account: UUID) -> None:
    """Flag what was granted to an account and an ESI speaks against by now."""
    await connection.execute(_CONTRADICTED.format(which="claim.account_id = $1"), account)


async def flag_person(connection: asyncpg.Connection, tenant: HeiId, person: PersonId) -> None:
    """Flag what was granted of a student's and an ESI speaks against by now."""
    which = "mobility.tenant = $1 and mobility.person_id = $2"
    await connection.execute(_CONTRADICTED.format(which=which), tenant, person)


async def _papers(
    connection: asyncpg.Connection, sending: HeiId, omobility_id: str
) -> list[_Paper]:
    vault = vault_of(connection)
    rows = await connection.fetch(
        """select tenant, person_id, sending_hei_id, omobility_id, record::text as record, sealed
           from mobility where sending_hei_id = $1 and omobility_id = $2 order by tenant""",
        sending,
        omobility_id,
    )
    return [_paper(row, vault) for row in rows]


def _paper(row: asyncpg.Record, vault: Vault) -> _Paper:
    return _Paper(HeiId(row["tenant"]), PersonId(row["person_id"]), joined(row, vault))


def _students(mobility: Mobility) -> Iterator[StudentData]:
    """Yield what the agreement and the nomination say of the student."""
    for fact in (mobility.agreement, mobility.nomination):
        if fact is not None and fact.value is not None:
            yield fact.value.student


def _addresses(mobility: Mobility) -> list[str]:
    found = (each.email.strip() for each in _students(mobility) if each.email)
    return [each for each in found if is_address(each)]


async def _is_others(connection: asyncpg.Connection, account: UUID, paper: _Paper) -> bool:
    """Whether somebody else sees the student already, or the account's ESI is another one."""
    found = await connection.fetchval(
        """select exists (select 1 from account_person where tenant = $2 and person_id = $3
                   and account_id <> $1)
               or exists (select 1 from person_esi papers join account_esi using (esi_key)
                   where papers.tenant = $2 and papers.person_id = $3 and account_id <> $1)
               or (exists (select 1 from person_esi where tenant = $2 and person_id = $3)
                   and exists (select 1 from account_esi where account_id = $1))""",
        account,
        paper.tenant,
        paper.person,
    )
    return bool(found)


async def _show(connection: asyncpg.Connection, account: UUID, papers: list[_Paper]) -> None:
    await connection.execute(
        """insert into account_person (account_id, tenant, person_id)
           select $1, * from unnest($2::text[], $3::uuid[]) on conflict do nothing""",
        account,
        [each.tenant for each in papers],
        [each.person for each in papers],
    )


async def _decided(
    connection: asyncpg.Connection,
    claim: UUID,
    state: ClaimState,
    evidence: ClaimEvidence,
    by: AccountId,
    now: datetime,
) -> MobilityClaim:
    row = await connection.fetchrow(
        f"""update mobility_claim set state = $2, evidence = $3, decided_by = $4, decided_at = $5,
                code_key = null, code_until = null, contradicted_at = null
            where claim_id = $1 returning {_CLAIM}""",  # noqa: S608 - a constant
        claim,
        state.value,
        evidence.value,
        by,
        now,
    )
    return _claim(row)


def _claim(row: asyncpg.Record) -> MobilityClaim:
    return MobilityClaim(
        account_id=AccountId(row["account_id"]),
        claim_id=row["claim_id"],
        sending_hei_id=HeiId(row["sending_hei_id"]),
        omobility_id=OmobilityId(row["omobility_id"]),
        state=ClaimState(row["state"]),
        begun_at=row["begun_at"],
        evidence=ClaimEvidence(row["evidence"]) if row["evidence"] else None,
        decided_at=row["decided_at"],
        contradicted_at=row["contradicted_at"],
    )
