"""The identities of accounts: what the latest login of each brought."""

from dataclasses import dataclass

from erasmus_app.identity.doctor import SeenEsi, SeenIdentity
from erasmus_app.identity.roles import KnownIdentity
from erasmus_app.ids import AccountId, HeiId
from erasmus_app.store.database import Database


@dataclass(frozen=True, slots=True)
class IdentityTable:
    """All identities."""

    database: Database

    async def identities(self, account: AccountId) -> list[KnownIdentity]:
        """Return what the latest login of each of the account's identities said of roles."""
        return [each.known for each in await self.seen(account)]

    async def seen(self, account: AccountId) -> list[SeenIdentity]:
        """Return an account's identities and what they brought, the latest login first."""
        rows = await self.database.fetch(
            """select account_id, identity_id, issuer, subject, home_hei_ids, affiliations,
                   first_login_at, last_login_at, received, missing, array(
                       select array[identity_esi.current::text, coalesce(hold, '')]
                       from identity_esi join account_esi using (account_id, esi_key)
                       where identity_esi.identity_id = account_identity.identity_id
                       order by identity_esi.first_seen_at, esi_key) as esis
               from account_identity where account_id = $1
               order by last_login_at desc, identity_id""",
            account,
        )
        return [
            SeenIdentity(
                account_id=AccountId(row["account_id"]),
                identity_id=row["identity_id"],
                known=KnownIdentity(
                    issuer=row["issuer"],
                    subject=row["subject"],
                    home_hei_ids=tuple(HeiId(each) for each in row["home_hei_ids"]),
                    affiliations=tuple(row["affiliations"]),
                    last_login_at=row["last_login_at"],
                ),
                first_login_at=row["first_login_at"],
                received=tuple(row["received"]),
                missing=tuple(row["missing"]),
                esis=tuple(
                    SeenEsi(is_current=current == "true", hold=hold or None)
                    for current, hold in row["esis"]
                ),
            )
            for row in rows
        ]
