"""The one object that the API and the worker receive; `bootstrap` fills it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from erasmus_app.chat.desk import ChatDesk
from erasmus_app.chat.knowledge import Knowledge
from erasmus_app.chat.learning import Learning
from erasmus_app.chat.links import ChatLinkService
from erasmus_app.chat.service import ChatService
from erasmus_app.errors import AppError
from erasmus_app.glance import Glances
from erasmus_app.identity.authorization import AuthorizationService
from erasmus_app.identity.claiming import ClaimService
from erasmus_app.identity.doctor import LoginDoctor
from erasmus_app.identity.linking import LinkService
from erasmus_app.identity.service import LoginService
from erasmus_app.identity.standings import Standings
from erasmus_app.ids import HeiId
from erasmus_app.institutions.health import HealthStore
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.institutions.ports import (
    AgreementStore,
    FactsheetStore,
    InstitutionNames,
    InstitutionStore,
)
from erasmus_app.institutions.status import StatusService
from erasmus_app.kit.clock import Clock
from erasmus_app.limits.keeping import Limits
from erasmus_app.mobilities.consolidate import AbsenceRules
from erasmus_app.mobilities.offices import OfficeStore
from erasmus_app.mobilities.own import ChangeNotices
from erasmus_app.mobilities.own_service import OwnDataService
from erasmus_app.mobilities.ports import LocalRules, MobilitySource, RecordStore
from erasmus_app.mobilities.refresh_wishes import RefreshWishes
from erasmus_app.mobilities.rule_service import RuleService
from erasmus_app.mobilities.rules import Rules
from erasmus_app.notifications.agenda_words import AgendaWords
from erasmus_app.notifications.calendars import CalendarService
from erasmus_app.notifications.catalogue import Catalogue
from erasmus_app.notifications.explanations import Explanations
from erasmus_app.notifications.fields import FieldNames
from erasmus_app.notifications.guidance import Guidance
from erasmus_app.notifications.letters import Letters
from erasmus_app.notifications.mail_addresses import MailAddressService
from erasmus_app.notifications.ports import Channel, MailSender, News, Post
from erasmus_app.notifications.preference_words import PreferenceWords
from erasmus_app.notifications.receipts import Receipts
from erasmus_app.notifications.service import InboxService
from erasmus_app.notifications.wishes import PreferenceService
from erasmus_app.privacy.consents import Purpose
from erasmus_app.privacy.ports import AccessLog, Consents, Erasures, Exports
from erasmus_app.settings import Settings
from erasmus_app.students.ports import DeviceStore
from erasmus_app.telemetry.exposition import Figure

DEGRADED = "degraded: "
"""What a check begins with that is not well, and leaves a process able to serve."""


class RefusalCount(Protocol):
    """Counts what was refused, for the operator."""

    async def count_refusal(self, hei: HeiId, api: str, reason: str) -> None:
        """Count one refusal at the door of `hei`, by day (UTC)."""


class Operations(Protocol):
    """What an operator asks of a running process."""

    def drain(self) -> None:
        """Want no new traffic from now on: the process ends."""

    async def missing(self) -> dict[str, str]:
        """Return what the start still waits for; nothing once it has been complete."""

    async def checks(self) -> dict[str, str]:
        """Return what should be well, each `ok`, what is wrong, or DEGRADED and what is wrong."""

    def told_of(self, error: BaseException) -> AppError | None:
        """Return what is told of an error that an engine made; None where it is no engine's."""


class Figures(Protocol):
    """What `/metrics` shows beside what the process has counted."""

    async def figures(self) -> Sequence[Figure]:
        """Return it; nothing personal. Raises nothing, whatever is away."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """Everything that an edge may ask for. Adapters behind the ports are `bootstrap`'s choice."""

    settings: Settings
    clock: Clock
    heis: Mapping[HeiId, CoveredHei]
    limits: Limits
    names: InstitutionNames
    absences: AbsenceRules
    rules: Rules
    local_rules: LocalRules
    rule_service: RuleService
    explanations: Explanations
    guidance: Guidance
    factsheets: FactsheetStore
    institutions: InstitutionStore
    agreements: AgreementStore
    fields: FieldNames
    records: RecordStore
    offices: OfficeStore
    health: HealthStore
    status: StatusService
    glances: Glances
    source: MobilitySource
    wishes: RefreshWishes
    own: OwnDataService
    refusals: RefusalCount
    notices: ChangeNotices
    messages: Catalogue
    inbox: InboxService
    news: News
    devices: DeviceStore
    receipts: Receipts
    calendars: CalendarService
    agenda: AgendaWords
    preferences: PreferenceService
    preference_words: PreferenceWords
    knowledge: Knowledge
    chat: ChatService
    learning: Learning
    chat_links: ChatLinkService
    desk: ChatDesk  # for messengers
    claiming: ClaimService
    mail: MailSender | None  # None: no mail server is configured
    post: Post | None  # None likewise
    letters: Letters
    mail_addresses: MailAddressService
    channels: Mapping[str, Channel]  # by name, see `TargetKind.channel`
    login: LoginService | None  # None: no login provider is configured
    authorization: AuthorizationService | None  # None likewise
    standings: Standings
    doctor: LoginDoctor
    linking: LinkService | None  # None as `login`
    erasures: Erasures
    access: AccessLog
    exports: Exports
    consents: Consents
    purposes: Mapping[str, Purpose]
    operations: Operations
    figures: Figures
