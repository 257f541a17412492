"""Messages by e-mail: addresses, letters, and the way to the server."""

from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from erasmus_app.kit.clock import Clock
from erasmus_app.kit.trust import trusting
from erasmus_app.notifications.catalogue import Catalogue, catalogue_folder
from erasmus_app.notifications.letters import Letters, load_mail_words
from erasmus_app.notifications.mail_addresses import MailAddressService
from erasmus_app.notifications.mailing import Rhythm
from erasmus_app.notifications.ports import MailSender, Post
from erasmus_app.push.mail import SmtpSender, smtp_sender
from erasmus_app.push.smtp import SmtpPost
from erasmus_app.services import Services
from erasmus_app.settings import Settings
from erasmus_app.store.database import Database
from erasmus_app.store.mail_addresses import MailAddressTable
from erasmus_app.store.mails import MailTable
from erasmus_app.worker.mails import Mailer


def letters(settings: Settings, messages: Catalogue) -> Letters:
    """Read the words of mails. Raises SettingsInvalid where they are not whole."""
    return Letters(
        words=load_mail_words(catalogue_folder(), messages.languages),
        catalogue=messages,
        app_url=(settings.app_url or settings.public_url).rstrip("/"),
        public_url=settings.public_url.rstrip("/"),
    )


def mail_sender(settings: Settings) -> SmtpSender | None:
    """Return who speaks to the mail server; None where there is none. Raises SettingsInvalid."""
    if settings.smtp_url is None:
        return None
    sender = settings.mail_from or f"no-reply@{urlsplit(settings.public_url).hostname}"
    return smtp_sender(settings.smtp_url, sender, trusting(settings.tls_ca_file))


def mail_post(sender: SmtpSender | None, clock: Clock, stack: AsyncExitStack) -> Post | None:
    """Open the way to the mail server, if there is one; `stack` closes it."""
    if sender is None:
        return None
    post = SmtpPost(sender, clock)
    stack.push_async_callback(post.close)
    return post


def mail_addresses(tables: Database, clock: Clock, mail: MailSender | None) -> MailAddressService:
    """Make the service that gives and confirms addresses."""
    return MailAddressService(store=MailAddressTable(tables), clock=clock, is_on=mail is not None)


def mailer(services: Services, tables: Database) -> Mailer:
    """Make what mails messages that nobody has seen."""
    after, urgent_after = services.settings.mail_rhythm
    return Mailer(
        services,
        MailTable(tables, MailAddressTable(tables)),
        Rhythm(after=after, urgent_after=urgent_after),
    )
