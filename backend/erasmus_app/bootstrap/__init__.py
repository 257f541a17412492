"""Everything is wired here: adapters opened in order, closed in reverse."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from redis.asyncio import Redis

from erasmus_app.api.ewp.hosted import hosted_heis
from erasmus_app.api.ewp.noted import noting
from erasmus_app.bootstrap.channels import opened_channels
from erasmus_app.bootstrap.identity import (
    authorization_service,
    link_service,
    login_doctor,
    login_service,
    standings,
)
from erasmus_app.bootstrap.publishing import published_by_heis
from erasmus_app.errors import SettingsInvalid
from erasmus_app.identity.authorization import AuthorizationService as AuthorizationService
from erasmus_app.identity.claiming import ClaimService
from erasmus_app.identity.doctor import LoginDoctor as LoginDoctor
from erasmus_app.identity.linking import LinkService as LinkService
from erasmus_app.identity.providers import DEFAULT as DEFAULT
from erasmus_app.identity.roles import HeiRules as HeiRules
from erasmus_app.identity.service import LoginService as LoginService
from erasmus_app.identity.standings import Standings as Standings
from erasmus_app.ids import HeiId as HeiId
from erasmus_app.institutions.models import CoveredHei as CoveredHei
from erasmus_app.institutions.ports import AgreementSource, FactsheetSource, InstitutionSource
from erasmus_app.kit.clock import Clock, utc_now
from erasmus_app.kit.trust import trusting
from erasmus_app.mobilities.consolidate import AbsenceRules
from erasmus_app.mobilities.own import ANNOUNCE
from erasmus_app.mobilities.own_service import OwnDataService
from erasmus_app.mobilities.refresh_wishes import RefreshWishes
from erasmus_app.mobilities.refreshes import REFRESH
from erasmus_app.mobilities.rule_service import RuleService
from erasmus_app.mobilities.rules import load_rules
from erasmus_app.mobilities.taking import TakingIn
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.notifications.explanations import load_explanations
from erasmus_app.notifications.fields import load_fields
from erasmus_app.notifications.guidance import load_guidance
from erasmus_app.notifications.receipts import Receipts
from erasmus_app.notifications.service import InboxService
from erasmus_app.oidc.clients import KnownClients as KnownClients
from erasmus_app.oidc.clients import load_clients as load_clients
from erasmus_app.oidc.documents import SafeDocuments as SafeDocuments
from erasmus_app.oidc.provider import OpenIdProvider as OpenIdProvider
from erasmus_app.oidc.registered import load_providers as load_providers
from erasmus_app.oidc.tokens import SignedTokens as SignedTokens
from erasmus_app.oidc.tokens import session_keys as session_keys
from erasmus_app.partners.agreements import EwpAgreements
from erasmus_app.partners.breakers import Breakers
from erasmus_app.partners.factsheets import EwpFactsheets
from erasmus_app.partners.institutions import EwpInstitutions
from erasmus_app.partners.monitoring import REPORT, Monitoring
from erasmus_app.partners.names import CatalogueNames
from erasmus_app.partners.network import EwpPartners
from erasmus_app.partners.notices import EwpNotices
from erasmus_app.partners.own_messages import EwpOwnMessages
from erasmus_app.partners.own_systems import OwnSystems
from erasmus_app.privacy.exports import EXPORT
from erasmus_app.privacy.retention import Keeping
from erasmus_app.privacy.words import load_archive_words, load_purposes
from erasmus_app.push.mail import SmtpSender, smtp_sender
from erasmus_app.services import Services
from erasmus_app.settings import Settings, load_heis
from erasmus_app.store.access_log import AccessLogTable
from erasmus_app.store.accounts import AccountTable as AccountTable
from erasmus_app.store.agreements import AgreementTable
from erasmus_app.store.claims import MAIL, ClaimTable
from erasmus_app.store.consents import ConsentTable
from erasmus_app.store.database import Database, open_database, see_keys
from erasmus_app.store.deadline_rules import LOOK_AGAIN, RuleTable
from erasmus_app.store.deliveries import DeliveryTable
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.erasures import ERASE, ErasureTable
from erasmus_app.store.exports import ExportTable
from erasmus_app.store.factsheets import FactsheetTable
from erasmus_app.store.figures import FigureTable
from erasmus_app.store.glances import GlanceTable
from erasmus_app.store.grants import GrantTable as GrantTable
from erasmus_app.store.health import CallLedgerTable, HealthTable
from erasmus_app.store.identities import IdentityTable as IdentityTable
from erasmus_app.store.inbox import InboxTable
from erasmus_app.store.institutions import InstitutionTable
from erasmus_app.store.jobs import JobQueue
from erasmus_app.store.keys import RedisAuthorizations as RedisAuthorizations
from erasmus_app.store.keys import RedisLoginStates as RedisLoginStates
from erasmus_app.store.keys import RedisTokenRefusals, RedisWishLimits
from erasmus_app.store.link_tickets import RedisLinkTickets as RedisLinkTickets
from erasmus_app.store.links import MAIL_LINKED, LinkTable
from erasmus_app.store.looks import LookTable
from erasmus_app.store.news import AccountNews
from erasmus_app.store.offices import OfficeTable
from erasmus_app.store.operations import OperationsView
from erasmus_app.store.own_objects import OwnObjectTable
from erasmus_app.store.receipts import ReceiptTable
from erasmus_app.store.records import RecordTable
from erasmus_app.store.retention import RetentionTable
from erasmus_app.store.revocations import SessionRevocations
from erasmus_app.store.sealed import load_vault
from erasmus_app.store.telling import Teller
from erasmus_app.worker import report
from erasmus_app.worker.announce import Announcer
from erasmus_app.worker.archive import Archivist
from erasmus_app.worker.claim import ClaimMailer
from erasmus_app.worker.deliver import Deliverer
from erasmus_app.worker.erase import Eraser
from erasmus_app.worker.export import Exporter
from erasmus_app.worker.linked import LinkMailer
from erasmus_app.worker.look_again import LookingAgain
from erasmus_app.worker.loop import Worker
from erasmus_app.worker.poll import PLAN, POLL, Poller
from erasmus_app.worker.refresh import Refresher
from erasmus_app.worker.remind import REMIND, Reminder
from erasmus_app.worker.report import Reporter
from erasmus_app.worker.retain import RETAIN, Retainer
from erasmus_app.worker.sending import Sending
from ewp.client import EwpClient
from ewp.errors import KeyInvalid
from ewp.host import EwpHost
from ewp.keys import PrivateKey
from ewp.registry import PRODUCTION, CatalogueKeeper

# Those under way are bounded by host (`Breakers`): silent hosts must not take the others' places.
SENDING = 4  # connections to the database of those who claim, read and write down pushes
CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=50)


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """The services, and the adapters that the worker and the EWP host stand on directly."""

    services: Services
    database: Database
    records: RecordTable
    ewp: EwpHost
    own_systems: OwnSystems
    factsheets: FactsheetSource
    institutions: InstitutionSource
    agreements: AgreementSource
    monitoring: Monitoring
    revocations: SessionRevocations  # kept up to date by who answers apps and browsers
    news: AccountNews  # likewise
    local_rules: RuleTable  # likewise


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[Running]:
    """Open the adapters that `settings` name and yield the services.

    Raises:
        SettingsInvalid: a file that a setting names is not what it must be.
        EngineFailed: PostgreSQL cannot be reached.
    """
    if settings.database_url is None or settings.redis_url is None:
        raise SettingsInvalid(
            "ERASMUS_APP_DATABASE_URL and ERASMUS_APP_REDIS_URL: both are needed here; "
            "the command `erasmus-app` starts engines of its own where they are not given"
        )
    heis = load_heis(settings.ewp_heis)
    keys = {hei.id: _key(settings, hei.client_key) for hei in heis.values()}
    server_keys = {
        hei.id: _key(settings, hei.server_key or hei.client_key) for hei in heis.values()
    }
    vault = load_vault(settings.data_keys, settings.data_dir)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                verify=trusting(settings.tls_ca_file),
                timeout=10,
                trust_env=False,
                limits=CONNECTIONS,
            )
        )
        tables = await stack.enter_async_context(open_database(settings.database_url, vault))
        await see_keys(tables)
        redis = Redis.from_url(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        keeper = await _catalogue(stack, settings, http, clock)
        records = RecordTable(tables, clock)
        messages = load_catalogue(catalogue_folder())
        names = CatalogueNames(lambda: keeper.current, heis)
        own_systems = OwnSystems(http, heis, clock, settings.ewp_timeout_seconds)
        agreement, other = settings.absences
        client = EwpClient(
            http, lambda: keeper.current, now=clock, silent_seconds=settings.ewp_timeout_seconds
        )
        breakers = Breakers(clock)
        monitoring = Monitoring(
            client=client,
            catalogue=lambda: keeper.current,
            keys=keys,
            breakers=breakers,
            jobs=JobQueue(tables, clock),
            clock=clock,
        )
        ledger = CallLedgerTable(tables, clock)
        revocations, news = SessionRevocations(tables, clock), AccountNews(tables)
        local_rules = RuleTable(tables)
        login = login_service(settings, http, redis, tables, revocations, clock)
        absences = AbsenceRules(agreement=agreement, other=other)
        partners = EwpPartners(
            client=client,
            catalogue=lambda: keeper.current,
            own_systems=own_systems,
            keys=keys,
            breakers=breakers,
            clock=clock,
            monitoring=monitoring if settings.ewp_monitoring else None,
            ledger=ledger,
        )
        services = Services(
            settings=settings,
            clock=clock,
            heis=heis,
            names=names,
            absences=absences,
            records=records,
            offices=OfficeTable(tables),
            health=HealthTable(tables),
            glances=GlanceTable(tables),
            rules=load_rules(),
            local_rules=local_rules,
            rule_service=RuleService(store=local_rules, clock=clock),
            explanations=load_explanations(catalogue_folder(), messages.calendars),
            guidance=load_guidance(
                catalogue_folder(),
                messages.calendars,
                lambda hei, language: names.name(HeiId(hei), language),
            ),
            factsheets=FactsheetTable(tables),
            institutions=InstitutionTable(tables),
            agreements=AgreementTable(tables),
            fields=load_fields(catalogue_folder()),
            source=partners,
            wishes=RefreshWishes(
                jobs=JobQueue(tables, clock),
                source=partners,
                heis=heis,
                limits=RedisWishLimits(redis),
                clock=clock,
            ),
            own=OwnDataService(
                heis=heis,
                messages=EwpOwnMessages(),
                store=OwnObjectTable(tables, clock),
                take_in=TakingIn(
                    absences=absences, tell=Teller(messages, settings.merge_for), clock=clock
                ),
                clock=clock,
            ),
            token_refusals=RedisTokenRefusals(redis),
            refusals=records,
            notices=EwpNotices(
                client=client,
                catalogue=lambda: keeper.current,
                keys=keys,
                breakers=breakers,
                monitoring=monitoring if settings.ewp_monitoring else None,
                ledger=ledger,
            ),
            messages=messages,
            inbox=InboxService(
                store=InboxTable(tables), catalogue=messages, names=names, clock=clock
            ),
            news=news,
            devices=DeviceTable(tables),
            receipts=Receipts(store=ReceiptTable(tables), clock=clock),
            claiming=ClaimService(store=ClaimTable(tables), clock=clock),
            mail=_mail(settings),
            channels=opened_channels(settings, clock, stack),
            login=login,
            authorization=authorization_service(settings, redis, tables, login) if login else None,
            standings=standings(settings, tables, heis, clock),
            linking=link_service(login, redis, tables, heis, clock) if login else None,
            doctor=login_doctor(settings, tables, heis, names, clock),
            erasures=ErasureTable(tables),
            access=AccessLogTable(tables),
            exports=ExportTable(tables),
            consents=ConsentTable(tables),
            purposes=load_purposes(catalogue_folder()),
            operations=OperationsView(
                tables, redis, catalogue_age=lambda: keeper.age, queue=JobQueue(tables, clock)
            ),
        )
        yield Running(
            services=services,
            database=tables,
            records=records,
            ewp=EwpHost(
                hosted_heis(
                    settings,
                    heis,
                    keys,
                    server_keys,
                    JobQueue(tables, clock),
                    services.own,
                    FigureTable(tables),
                    noting(services.access, clock),
                ).get,
                lambda: keeper.current,
                hosts=settings.public_hosts,
                now=clock,
                refresh_for_unknown_key=keeper.refresh_for_unknown_key,
                on_refusal=records.count_refusal,
            ),
            own_systems=own_systems,
            factsheets=EwpFactsheets(partners),
            institutions=EwpInstitutions(partners),
            agreements=EwpAgreements(partners),
            monitoring=monitoring,
            revocations=revocations,
            news=news,
            local_rules=local_rules,
        )


@asynccontextmanager
async def worker_of(app: Running) -> AsyncIterator[None]:
    """Run a worker over the services until the block is left."""
    services, tables, records = app.services, app.database, app.records
    refresher = Refresher(services, records)
    poller = Poller(services, tables, records, refresher)
    published = published_by_heis(
        services, tables, records, app.factsheets, app.institutions, app.agreements
    )
    reminder = Reminder(services, records, LookTable(tables), app.factsheets)
    retainer = Retainer(RetentionTable(tables, Keeping.of(services.settings)), services.clock)
    queue = JobQueue(tables, services.clock)
    worker = Worker(
        queue=queue,
        handlers={
            REFRESH: refresher,
            POLL: poller.poll,
            PLAN: poller.plan,
            **published.handlers,
            ERASE: Eraser(ErasureTable(tables), services.clock),
            EXPORT: Exporter(
                ExportTable(tables),
                Archivist(
                    words=load_archive_words(catalogue_folder()),
                    messages=services.messages,
                    names=services.names,
                ),
                services.clock,
            ),
            RETAIN: retainer,
            REMIND: reminder,
            LOOK_AGAIN: LookingAgain(tables),
            MAIL_LINKED: LinkMailer(services, LinkTable(tables)),
            MAIL: ClaimMailer(services, ClaimTable(tables)),
            REPORT: Reporter(app.monitoring),
            ANNOUNCE: Announcer(services, OwnObjectTable(tables)),
        },
        limits={REPORT: report.AT_ONCE},
        concurrency=services.settings.worker_concurrency,
        lease=timedelta(seconds=services.settings.job_lease_seconds),
    )
    stop = asyncio.Event()
    await app.own_systems.read()
    for recurring in (poller, *published.recurring, reminder, retainer):
        await recurring.start()
    async with (
        beside(app.own_systems.keep_reading()),
        open_database(tables.dsn, tables.keys, size=SENDING, fresh_plans=True) as ledger,
    ):
        sending = Sending(
            deliverer=Deliverer(services, ledger, DeliveryTable(ledger)),
            queue=JobQueue(ledger, services.clock),
            lease=worker.lease,
        )
        tasks = [asyncio.create_task(each.run(stop)) for each in (worker, sending)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let something run until the block is left."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _catalogue(
    stack: AsyncExitStack, settings: Settings, http: httpx.AsyncClient, clock: Clock
) -> CatalogueKeeper:
    url = settings.ewp_registry_url or PRODUCTION
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    keeper = CatalogueKeeper(http, url, settings.data_dir / "catalogue.xml", now=clock)
    await keeper.start()
    await stack.enter_async_context(beside(keeper.run()))
    return keeper


def _mail(settings: Settings) -> SmtpSender | None:
    if settings.smtp_url is None:
        return None
    sender = settings.mail_from or f"no-reply@{urlsplit(settings.public_url).hostname}"
    return smtp_sender(settings.smtp_url, sender, trusting(settings.tls_ca_file))


def _key(settings: Settings, path: Path) -> PrivateKey:
    try:
        return PrivateKey.from_pem(path.read_bytes())
    except (OSError, KeyInvalid) as error:
        raise SettingsInvalid(
            f"ERASMUS_APP_EWP_HEIS: {settings.ewp_heis}: {path}: {error}"
        ) from error
