"""Mailing the code of a claim to the address in the mobility's own papers."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from erasmus_app.errors import MailFailed
from erasmus_app.identity.claiming import CODE_LIFETIME
from erasmus_app.services import Services
from erasmus_app.store.claims import ClaimTable
from erasmus_app.store.jobs import Again, Job

log = structlog.get_logger(__name__)
AGAIN_SECONDS = 20


@dataclass(frozen=True, slots=True)
class ClaimMailer:
    """Handles jobs of kind `mail-claim`. Run twice, it mails a new code; the last one counts."""

    services: Services
    claims: ClaimTable

    async def __call__(self, job: Job) -> None:
        """Mail a code, where there is anybody to mail it to; a claim of old is left to offices."""
        if self.services.mail is None:
            return
        letter = await self.claims.letter(UUID(job.payload["claim_id"]), self.services.clock())
        if letter is None:
            return
        minutes = str(int(CODE_LIFETIME.total_seconds()) // 60)
        try:
            await self.services.mail.send(
                letter.address, "claim", letter.language, code=letter.code, minutes=minutes
            )
        except MailFailed as error:
            log.warning("claim.mail_failed", code=error.code)
            if error.retry:
                raise Again(AGAIN_SECONDS) from error
            return
        log.info("claim.mailed")
