"""Who asks the schemas of these tests."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from erasmus_app.api.schema import GuardedSchema
from erasmus_app.api.schema.access import Whose
from erasmus_app.errors import Forbidden
from erasmus_app.identity.models import Session
from erasmus_app.identity.roles import HeiRole, RoleAt, Standing
from erasmus_app.ids import AccountId, HeiId

HERE, THERE = HeiId("here.example"), HeiId("there.example")
ME, OTHER = AccountId(UUID(int=1)), AccountId(UUID(int=2))
MINE, THEIRS = Whose(ME, HERE), Whose(OTHER, HERE)

T = TypeVar("T")
SESSION = Session(
    account_id=ME, session_id=UUID(int=9), expires_at=datetime.max.replace(tzinfo=UTC)
)


@dataclass
class Asker:
    """Somebody whose standing is counted when it is looked up."""

    found: Standing
    session: Session = SESSION
    looked_up: int = 0
    refusals: set[str] = field(default_factory=set)

    async def standing(self) -> Standing:
        self.looked_up += 1
        await asyncio.sleep(0)
        return self.found


STUDENT = Standing(account_id=ME, roles=(RoleAt(hei=HERE, role=HeiRole.STUDENT),))
ADMIN = Standing(account_id=ME, is_administrator=True)


def coordinator(hei: HeiId) -> Standing:
    roles = (RoleAt(hei=hei, role=HeiRole.COORDINATOR), RoleAt(hei=hei, role=HeiRole.STAFF))
    return Standing(account_id=ME, roles=roles)


COORDINATOR_HERE, COORDINATOR_THERE = coordinator(HERE), coordinator(THERE)


async def asked(made: GuardedSchema, query: str, role: Standing = STUDENT) -> Any:
    """The data, or the kinds of errors."""
    result = await made.execute(query, context_value=Asker(role))
    if result.errors:
        return {type(each.original_error) for each in result.errors}, result.data
    return result.data


REFUSED = {Forbidden}
