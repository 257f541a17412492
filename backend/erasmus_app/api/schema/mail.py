"""The address that messages are mailed to where nobody opens them."""

from datetime import datetime
from typing import Annotated

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, PART, Whose
from erasmus_app.errors import AddressRefused
from erasmus_app.notifications import mail_addresses
from erasmus_app.notifications.mail_addresses import AddressState

strawberry.enum(
    AddressState,
    name="MailAddressState",
    description="WAITING for the code that was mailed there; CONFIRMED; STOPPED by whoever reads "
    "mail there: `setMailAddress` with the same one starts it again; GONE: there is no such "
    "mailbox any more, and another address is needed.",
)


@access.rule(OWNER)
@strawberry.type(description="An address that messages may be mailed to.")
class MailAddress:
    """An address."""

    whose: strawberry.Private[Whose]
    address: str | None = strawberry.field(description="Null where it is gone.")
    state: AddressState = strawberry.field(description="Where it stands.")
    asked_at: datetime = strawberry.field(description="When the student gave it, UTC.")
    confirmed_at: datetime | None = strawberry.field(description="UTC.")

    @classmethod
    def of(cls, found: mail_addresses.MailAddress) -> "MailAddress":
        """Make it from ours."""
        return cls(
            whose=Whose(found.account_id),
            address=found.address,
            state=found.state,
            asked_at=found.asked_at,
            confirmed_at=found.confirmed_at,
        )


@access.rule(PART)
@strawberry.type(description="It was not taken.")
class MailAddressNotTaken:
    """A refusal that we foresee."""

    code: str = strawberry.field(
        description="`mail_off` (no mail is sent here), `mail_address_invalid`, `mail_limit` (five "
        "a day), `mail_code_wrong` (or late, or tried five times)."
    )
    reason: str = strawberry.field(description="What is wrong, in English, for developers.")


MailAddressResult = Annotated[
    MailAddress | MailAddressNotTaken,
    strawberry.union("MailAddressResult", description="Taken, or why not."),
]


@strawberry.type
class MailOfStudent:
    """What `me` tells of mail."""

    @access.field(
        OWNER,
        description="The address that what was not seen is mailed to, if there is one, then the "
        "one that waits for its code, if there is one.",
    )
    async def mail_addresses(self, info: Info) -> list[MailAddress]:
        """Return them."""
        service = info.context.services.mail_addresses
        account = info.context.session.account_id
        found = await service.store.addresses(account, service.clock())
        return [MailAddress.of(each) for each in found]


@strawberry.type
class MailMutations:
    """Giving, confirming and removing an address."""

    @access.mutation(
        OWNER,
        description="Have messages that are not seen in the app mailed to an address. A code goes "
        "there, good for half an hour; until it comes back in `confirmMailAddress`, everything is "
        "as it was. The address that is confirmed already is started again, where it was stopped.",
    )
    async def set_mail_address(self, info: Info, address: str) -> MailAddressResult:
        """Give an address."""
        account = info.context.session.account_id
        try:
            found = await info.context.services.mail_addresses.ask(account, address)
        except AddressRefused as error:
            return MailAddressNotTaken(code=error.code, reason=str(error))
        return MailAddress.of(found)

    @access.mutation(
        OWNER,
        description="Prove the address that waits by the code that was mailed there; it takes the "
        "place of any other.",
    )
    async def confirm_mail_address(self, info: Info, code: str) -> MailAddressResult:
        """Confirm it."""
        account = info.context.session.account_id
        try:
            found = await info.context.services.mail_addresses.confirm(account, code)
        except AddressRefused as error:
            return MailAddressNotTaken(code=error.code, reason=str(error))
        return MailAddress.of(found)

    @access.mutation(
        OWNER,
        description="Forget the addresses: nothing is mailed any more. False where there was none.",
    )
    async def remove_mail_address(self, info: Info) -> bool:
        """Forget them."""
        service = info.context.services.mail_addresses
        return await service.store.remove(info.context.session.account_id, service.clock())
