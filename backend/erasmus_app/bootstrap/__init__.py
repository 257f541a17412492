"""Everything is wired here: adapters opened in order, closed in reverse."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from erasmus_app.api.ewp.hosted import hosted_heis
from erasmus_app.api.ewp.noted import noting
from erasmus_app.api.ewp.paced import pace_of
from erasmus_app.bootstrap.asking import learning
from erasmus_app.bootstrap.beside import beside
from erasmus_app.bootstrap.channels import opened_channels, opened_endpoints
from erasmus_app.bootstrap.chatting import OfflineUnderstanding, chat_service, chat_wording
from erasmus_app.bootstrap.identity import (
    authorization_service,
    link_service,
    login_doctor,
    login_service,
    standings,
)
from erasmus_app.bootstrap.limiting import limits_of, partners_place
from erasmus_app.bootstrap.mailing import letters, mail_addresses, mail_post, mail_sender
from erasmus_app.bootstrap.measuring import Figures
from erasmus_app.bootstrap.messengers import chat_desk
from erasmus_app.bootstrap.outgoing import open_client, partners_client
from erasmus_app.chat.knowledge import Knowledge
from erasmus_app.chat.links import ChatLinkService
from erasmus_app.errors import SettingsInvalid
from erasmus_app.identity.claiming import ClaimService
from erasmus_app.ids import HeiId
from erasmus_app.institutions.ports import AgreementSource, FactsheetSource, InstitutionSource
from erasmus_app.institutions.status import StatusService
from erasmus_app.kit.clock import Clock, utc_now
from erasmus_app.mobilities.consolidate import AbsenceRules
from erasmus_app.mobilities.own_service import OwnDataService
from erasmus_app.mobilities.refresh_wishes import RefreshWishes
from erasmus_app.mobilities.rule_service import RuleService
from erasmus_app.mobilities.rules import load_rules
from erasmus_app.mobilities.taking import TakingIn
from erasmus_app.notifications.agenda_words import load_agenda_words
from erasmus_app.notifications.calendars import CalendarService
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.notifications.explanations import load_explanations
from erasmus_app.notifications.fields import load_fields
from erasmus_app.notifications.guidance import load_guidance
from erasmus_app.notifications.preference_words import load_preference_words
from erasmus_app.notifications.receipts import Receipts
from erasmus_app.notifications.service import InboxService
from erasmus_app.notifications.wishes import PreferenceService
from erasmus_app.partners.agreements import EwpAgreements
from erasmus_app.partners.breakers import Breakers
from erasmus_app.partners.factsheets import EwpFactsheets
from erasmus_app.partners.institutions import EwpInstitutions
from erasmus_app.partners.monitoring import Monitoring
from erasmus_app.partners.names import CatalogueNames
from erasmus_app.partners.network import EwpPartners
from erasmus_app.partners.notices import EwpNotices
from erasmus_app.partners.own_keys import OwnKeys
from erasmus_app.partners.own_messages import EwpOwnMessages
from erasmus_app.partners.own_systems import OwnSystems
from erasmus_app.privacy.words import load_purposes
from erasmus_app.push.webhooks import Webhooks
from erasmus_app.services import Services
from erasmus_app.settings import Settings, load_heis
from erasmus_app.store.access_log import AccessLogTable
from erasmus_app.store.agreements import AgreementTable
from erasmus_app.store.calendars import CalendarTable
from erasmus_app.store.chat_links import ChatLinkTable
from erasmus_app.store.claims import ClaimTable
from erasmus_app.store.consents import ConsentTable
from erasmus_app.store.crowding import Crowding
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.deadline_rules import RuleTable
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.erasures import ErasureTable
from erasmus_app.store.exports import ExportTable
from erasmus_app.store.factsheets import FactsheetTable
from erasmus_app.store.figures import FigureTable
from erasmus_app.store.glances import GlanceTable
from erasmus_app.store.health import CallLedgerTable, HealthTable
from erasmus_app.store.inbox import InboxTable
from erasmus_app.store.institutions import InstitutionTable
from erasmus_app.store.job_writing import JobWriting
from erasmus_app.store.keys import open_redis
from erasmus_app.store.measures import Measures
from erasmus_app.store.news import AccountNews
from erasmus_app.store.offices import OfficeTable
from erasmus_app.store.operations import OperationsView
from erasmus_app.store.outages import outage
from erasmus_app.store.own_objects import OwnObjectTable
from erasmus_app.store.receipts import ReceiptTable
from erasmus_app.store.records import RecordTable
from erasmus_app.store.replanning import PreferenceTable
from erasmus_app.store.revocations import SessionRevocations
from erasmus_app.store.sealed import load_vault
from erasmus_app.store.status import StatusTable
from erasmus_app.store.telling import Teller
from erasmus_app.store.versions import see_tables
from erasmus_app.telemetry import logs
from ewp.client import EwpClient
from ewp.errors import KeyInvalid
from ewp.host import EwpHost
from ewp.keys import PrivateKey
from ewp.registry import PRODUCTION, CatalogueKeeper


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)  # its services hold keys
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
    understanding: OfflineUnderstanding  # opened beside the start by who answers apps
    webhooks: Webhooks
    crowding: Crowding


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[Running]:
    """Open the adapters that `settings` name and yield the services.

    Raises:
        SettingsInvalid: a file that a setting names is not what it must be.
        EngineFailed: PostgreSQL cannot be reached, or its tables are too new.
    """
    if settings.database_url is None or settings.redis_url is None:
        raise SettingsInvalid(
            "ERASMUS_APP_DATABASE_URL and ERASMUS_APP_REDIS_URL: both are needed here; "
            "the command `erasmus-app` starts engines of its own where they are not given"
        )
    _see_data_dir(settings.data_dir)
    heis = load_heis(settings.ewp_heis)
    keys = {hei.id: _key(settings, hei.client_key) for hei in heis.values()}
    server_keys = {
        hei.id: _key(settings, hei.server_key or hei.client_key) for hei in heis.values()
    }
    vault = load_vault(settings.data_keys, settings.data_dir)
    logs.keyed(vault.lookup)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(open_client(settings))
        to_partners = await stack.enter_async_context(partners_client(settings))
        to_own = await stack.enter_async_context(partners_client(settings, heis.values()))
        tables = await stack.enter_async_context(
            open_database(
                settings.database_url,
                vault,
                direct=settings.database_direct_url,
                size=settings.database_connections,
            )
        )
        await see_tables(tables, older_too=True)
        redis = open_redis(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        limits = limits_of(settings, redis, vault)
        keeper = await _catalogue(stack, settings, http, clock)
        records, jobs = RecordTable(tables, clock), JobWriting(tables)
        messages = load_catalogue(catalogue_folder())
        names = CatalogueNames(lambda: keeper.current, heis)
        own_systems = OwnSystems(to_own, heis, clock, settings.ewp_timeout_seconds)
        agreement, other = settings.absences
        client = EwpClient(
            to_partners,
            lambda: keeper.current,
            now=clock,
            silent_seconds=settings.ewp_timeout_seconds,
        )
        breakers = Breakers(clock)
        monitoring = Monitoring(
            client=client,
            catalogue=lambda: keeper.current,
            keys=keys,
            breakers=breakers,
            jobs=jobs,
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
        factsheets, rules = FactsheetTable(tables), load_rules()
        mail, channels = mail_sender(settings), opened_channels(settings, clock, stack)
        institutions = InstitutionTable(tables)
        explanations = load_explanations(catalogue_folder(), messages.languages)
        guidance = load_guidance(
            catalogue_folder(),
            messages.languages,
            lambda hei, language: names.name(HeiId(hei), language),
        )
        agenda = load_agenda_words(catalogue_folder(), messages.languages)
        understanding = OfflineUnderstanding()
        knowledge = Knowledge(
            records=records,
            factsheets=factsheets,
            institutions=institutions,
            rules=rules,
            local_rules=local_rules,
            source=partners,
            heis=heis,
            clock=clock,
        )
        purposes = load_purposes(catalogue_folder())
        learnt = learning(tables, records, names, purposes, heis)
        chat = chat_service(
            understanding,
            knowledge,
            chat_wording(messages, guidance, explanations, agenda, names),
            redis,
            clock,
            learnt,
        )
        channels = opened_channels(settings, clock, stack)
        who = standings(settings, tables, heis, clock)
        services = Services(
            settings=settings,
            clock=clock,
            heis=heis,
            limits=limits,
            names=names,
            absences=absences,
            records=records,
            offices=OfficeTable(tables),
            health=HealthTable(tables),
            status=StatusService(
                store=StatusTable(tables, lambda: keeper.age, channels), clock=clock
            ),
            glances=GlanceTable(tables),
            rules=rules,
            local_rules=local_rules,
            rule_service=RuleService(store=local_rules, clock=clock),
            explanations=explanations,
            guidance=guidance,
            factsheets=factsheets,
            institutions=institutions,
            agreements=AgreementTable(tables),
            fields=load_fields(catalogue_folder()),
            source=partners,
            wishes=RefreshWishes(
                jobs=jobs,
                source=partners,
                heis=heis,
                limits=limits,
                clock=clock,
            ),
            own=OwnDataService(
                heis=heis,
                messages=EwpOwnMessages(),
                store=OwnObjectTable(tables, clock),
                take_in=TakingIn(
                    absences=absences, tell=Teller(messages, settings.merge_for, heis), clock=clock
                ),
                clock=clock,
            ),
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
            preferences=PreferenceService(
                store=PreferenceTable(tables, messages.kinds),
                categories=messages.categories,
                clock=clock,
            ),
            preference_words=load_preference_words(
                catalogue_folder(), messages.categories, messages.languages
            ),
            receipts=Receipts(store=ReceiptTable(tables), clock=clock),
            calendars=CalendarService(
                store=CalendarTable(tables),
                records=records,
                factsheets=factsheets,
                rules=rules,
                local_rules=local_rules,
                source=partners,
                heis=heis,
                clock=clock,
            ),
            agenda=agenda,
            knowledge=knowledge,
            chat=chat,
            learning=learnt,
            chat_links=ChatLinkService(store=ChatLinkTable(tables), clock=clock),
            desk=chat_desk(settings, http, redis, tables, messages.languages, who, chat, clock),
            claiming=ClaimService(store=ClaimTable(tables), clock=clock),
            mail=mail,
            post=mail_post(mail, clock, stack),
            letters=letters(settings, messages),
            mail_addresses=mail_addresses(tables, clock, mail),
            channels=channels,
            login=login,
            authorization=authorization_service(settings, redis, tables, login) if login else None,
            standings=who,
            linking=link_service(login, redis, tables, heis, clock) if login else None,
            doctor=login_doctor(settings, tables, heis, names, clock),
            erasures=ErasureTable(tables),
            access=AccessLogTable(tables),
            exports=ExportTable(tables),
            consents=ConsentTable(tables),
            purposes=purposes,
            operations=OperationsView(
                database=tables,
                redis=redis,
                catalogue_age=lambda: keeper.age,
                unlisted_keys=OwnKeys(
                    lambda: keeper.current, settings.public_url, keys, server_keys
                ).unlisted,
            ),
            figures=Figures(
                measures=Measures(tables, settings.merge_for),
                database=tables,
                redis=redis,
                catalogue=keeper,
                keys=keys,
                breakers=breakers,
                channels=channels,
                data_dir=settings.data_dir,
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
                    jobs,
                    services.own,
                    FigureTable(tables),
                    noting(services.access, clock),
                ).get,
                lambda: keeper.current,
                hosts=settings.public_hosts,
                now=clock,
                refresh_for_unknown_key=keeper.refresh_for_unknown_key,
                on_refusal=records.count_refusal,
                unavailable=outage,
                pace=pace_of(limits, settings.trusted_proxies),
                place=partners_place(limits),
            ),
            own_systems=own_systems,
            factsheets=EwpFactsheets(partners),
            institutions=EwpInstitutions(partners),
            agreements=EwpAgreements(partners),
            monitoring=monitoring,
            revocations=revocations,
            news=news,
            local_rules=local_rules,
            understanding=understanding,
            webhooks=opened_endpoints(settings, heis, messages, clock, stack),
            crowding=Crowding(redis),
        )


async def _catalogue(
    stack: AsyncExitStack, settings: Settings, http: httpx.AsyncClient, clock: Clock
) -> CatalogueKeeper:
    url = settings.ewp_registry_url or PRODUCTION
    keeper = CatalogueKeeper(http, url, settings.data_dir / "catalogue.xml", now=clock)
    await keeper.start()
    await stack.enter_async_context(beside(keeper.run()))
    return keeper


def _see_data_dir(folder: Path) -> None:
    """Make the folder where there is none. Raises SettingsInvalid where it cannot be written."""
    why = "cannot be written by this user"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return
    except OSError as error:
        why = error.strerror or why
    raise SettingsInvalid(f"ERASMUS_APP_DATA_DIR: {folder}: {why}")


def _key(settings: Settings, path: Path) -> PrivateKey:
    try:
        return PrivateKey.from_pem(path.read_bytes())
    except (OSError, KeyInvalid) as error:
        raise SettingsInvalid(
            f"ERASMUS_APP_EWP_HEIS: {settings.ewp_heis}: {path}: {error}"
        ) from error
