"""What the home screen has to say: by Strawberry as it is documented, in this process."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from erasmus_app.api.context import Context
from erasmus_app.api.endpoint import ALIKE
from erasmus_app.api.schema import GuardedSchema, schema
from erasmus_app.api.schema.me import Mutation, Query
from erasmus_app.glance import Glance, Wanted
from erasmus_app.identity.models import Session
from erasmus_app.ids import AccountId
from erasmus_app.services import Services
from strawberry_plans import Plans

IN_BRIEF = Wanted(mobilities=True, unread=True, inbox=4)  # what the home screen asks for
FROM_TABLES = IN_BRIEF._replace(
    records=True
)  # so that nothing that is kept is compared with itself


class Plain:
    """Strawberry as it is documented, and plans, over the same services."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.schema = GuardedSchema(query=Query, mutation=Mutation)
        self.plans = Plans(schema, alike=ALIKE)

    def context(self, account: UUID) -> Context:
        """Make what the endpoint makes for a request."""
        session = Session(
            account_id=AccountId(account),
            session_id=UUID(int=1),
            expires_at=datetime.max.replace(tzinfo=UTC),
        )
        return Context(
            services=self.services,
            session=session,
            language="en",
            today=datetime.now(UTC).date(),
            wanted=FROM_TABLES,
        )

    async def data(self, account: UUID, query: str) -> dict[str, Any]:
        """Ask the reference executor. Raises where it answers with errors."""
        result = await self.schema.execute(query, context_value=self.context(account))
        if result.errors or result.data is None:
            raise RuntimeError(f"the reference fails: {result.errors}")
        return result.data


class Remembered:
    """One student, read before: what is left is GraphQL's own work."""

    def __init__(self, glance: Glance) -> None:
        self.known = glance

    async def glance(self, _account: AccountId, _wanted: Wanted, _today: date) -> Glance | None:
        return self.known


def leaves(value: Any) -> int:
    """Count what is no object and no list."""
    if isinstance(value, dict):
        return sum(map(leaves, value.values()))
    return sum(map(leaves, value)) if isinstance(value, list) else 1
