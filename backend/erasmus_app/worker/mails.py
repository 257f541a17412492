"""Mailing what nobody has seen elsewhere, and the code that an address is confirmed by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from erasmus_app.ids import AccountId, InboxEntryId
from erasmus_app.kit.backoff import backoff
from erasmus_app.notifications.mailing import (
    Fate,
    Reader,
    Rhythm,
    Unseen,
    Verdict,
    mail_id,
    verdicts,
)
from erasmus_app.notifications.ports import Outcome, Post
from erasmus_app.services import Services
from erasmus_app.store.jobs import Again, Job
from erasmus_app.store.mail_addresses import MailAddressTable
from erasmus_app.store.mails import MailTable

log = structlog.get_logger(__name__)

AT_ONCE = 4  # as many as there are connections: a slow server keeps no other work from being done
FIRST_WAIT, LONGEST_WAIT = 30.0, 3600.0  # seconds between tries of messages
CODE_WAIT, CODE_LONGEST_WAIT = 10.0, 120.0  # seconds: somebody waits for it
LONGEST_SLEEP = 6 * 3600.0  # seconds: a clock that was moved is noticed then


@dataclass(frozen=True, slots=True)
class CodeMailer:
    """Handles jobs of kind `mail-code`. Run twice, it mails a new code; the last one counts."""

    services: Services
    addresses: MailAddressTable

    async def __call__(self, job: Job) -> None:
        """Mail a code, while the address waits for one."""
        services, address = self.services, UUID(job.payload["address_id"])
        if services.post is None:
            return
        found = await self.addresses.letter(address, services.clock())
        if found is None:
            return
        letter = services.letters.with_code(address, found.address, found.language, found.code)
        result = await services.post.post(letter)
        log.info("mail.code_sent", outcome=result.outcome, code=result.code)
        if result.outcome in {Outcome.TRY_AGAIN, Outcome.LANE_DOWN}:
            raise Again(max(CODE_WAIT, min(result.retry_after or 0, CODE_LONGEST_WAIT)))


@dataclass(frozen=True, slots=True)
class Mailer:
    """Handles jobs of kind `mail`, one for each account that something waits for.

    What it may have died over it does again with the same id, so that a mail which comes twice is
    known as one. Handled twice it finds nothing more to do.
    """

    services: Services
    mails: MailTable
    rhythm: Rhythm

    async def __call__(self, job: Job) -> None:
        """Mail what is due in one mail, and come again when the next is."""
        account, post = AccountId(UUID(job.payload["account_id"])), self.services.post
        reader = await self.mails.reader(account)
        if reader is None or post is None:
            await self.mails.drop(account, "no_address" if reader is None else "no_mail_server")
            return
        found = await self.mails.unseen(account)
        said = verdicts(
            found,
            self.services.messages.kinds,
            reader,
            await self.services.preferences.chosen(account),
            self.rhythm,
            self.services.clock(),
        )
        await self.mails.note(account, said)
        if due := [each for each in found if said[each.entry_id].fate is Fate.DUE]:
            await self._mail(post, reader, _batch(due))
            raise Again(0.1)  # to see what is left, as it is now
        self._sleep(said)

    async def _mail(self, post: Post, reader: Reader, batch: Sequence[Unseen]) -> None:
        mails, entries = self.mails, [each.entry_id for each in batch]
        mail = batch[0].mail_id or mail_id(reader.address_id, entries)
        await mails.begin(reader.account_id, mail, entries)
        result = await post.post(self.services.letters.of(mail, reader, batch))
        log.info("mail.sent", messages=len(batch), outcome=result.outcome, code=result.code)
        now = self.services.clock()
        if result.outcome is Outcome.ACCEPTED:
            await mails.sent(reader, mail)
        elif result.outcome is Outcome.DEVICE_GONE:
            await mails.gone(reader, mail, result.code, now)
            log.info("mail.address_gone", code=result.code)
        elif result.outcome is Outcome.REJECTED:
            if await mails.refused(reader, mail, result.code, now):
                log.info("mail.address_gone", code=result.code)
        else:
            await mails.put_off(reader.account_id, mail, result.code)
            attempts = 1 + max(each.attempts for each in batch)
            wait = backoff(attempts, first=FIRST_WAIT, most=LONGEST_WAIT).total_seconds()
            raise Again(max(wait, result.retry_after or 0))

    def _sleep(self, said: Mapping[InboxEntryId, Verdict]) -> None:
        """Come again when the next may be due; what changes before brings the job back."""
        later = [each.at for each in said.values() if each.at is not None]
        if later:
            seconds = (min(later) - self.services.clock()).total_seconds()
            raise Again(min(max(seconds, 0.1), LONGEST_SLEEP))


def _batch(due: Sequence[Unseen]) -> Sequence[Unseen]:
    """Return what goes out as one mail: what did so before, else all."""
    begun = next((each.mail_id for each in due if each.mail_id is not None), None)
    return due if begun is None else [each for each in due if each.mail_id == begun]
