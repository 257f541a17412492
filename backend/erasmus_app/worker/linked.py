"""Telling the addresses of two logins that they were joined."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from erasmus_app.errors import MailFailed
from erasmus_app.identity.linking import UNDO
from erasmus_app.services import Services
from erasmus_app.store.jobs import Job
from erasmus_app.store.links import LinkTable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LinkMailer:
    """Handles jobs of kind `mail-linked`. A mail that is not taken at once is let go.

    The account itself shows the link for as long as it can be undone, whether a mail came or not.
    """

    services: Services
    links: LinkTable

    async def __call__(self, job: Job) -> None:
        """Mail every verified address of the account, once each."""
        if self.services.mail is None:
            return
        language, addresses = await self.links.told(UUID(job.payload["link_id"]))
        for each in addresses:
            try:
                await self.services.mail.send(each, "linked", language, days=str(UNDO.days))
            except MailFailed as error:
                log.warning("link.mail_failed", code=error.code)
