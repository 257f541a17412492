"""Institutions as a student sees them."""

from functools import lru_cache

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import PART, PUBLIC
from erasmus_app.api.schema.factsheets import OfFactsheet
from erasmus_app.api.schema.places import OfPlace
from erasmus_app.ids import HeiId


@access.rule(PUBLIC)
@strawberry.type(description="A higher education institution.")
class Institution(OfFactsheet, OfPlace):
    """An HEI by its id; the name is chosen per request."""

    hei_id: str = strawberry.field(description="Its SCHAC domain: the key of the EWP network.")

    @access.field(
        PUBLIC,
        description="Its name in `language` (BCP 47), by default that of the request; "
        "else in English, else as the network lists it.",
    )
    def name(self, info: Info, language: str | None = None) -> str:
        """Choose the name."""
        context = info.context
        return context.services.names.name(HeiId(self.hei_id), language or context.language)


@lru_cache(maxsize=10_000)
def institution(hei_id: str) -> Institution:
    """Return an institution, the same one for one id: a plan writes it once in an answer."""
    return Institution(hei_id=hei_id)


@access.rule(PART)
@strawberry.type(description="The person whom the learning agreement names for one university.")
class Contact:
    """A contact person."""

    given_names: str = strawberry.field(description="Given names.")
    family_name: str = strawberry.field(description="Family name.")
    email: str = strawberry.field(description="E-mail address.")
    phone: str | None = strawberry.field(description="Telephone, where the agreement has one.")
