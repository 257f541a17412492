"""The worker's handlers for what HEIs publish: factsheets, institutions, agreements."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from erasmus_app.ids import HeiId
from erasmus_app.institutions.asks import AGREEMENTS
from erasmus_app.institutions.ports import AgreementSource, FactsheetSource, InstitutionSource
from erasmus_app.services import Services
from erasmus_app.store.agreements import AgreementTable
from erasmus_app.store.database import Database
from erasmus_app.store.factsheets import FactsheetTable
from erasmus_app.store.institutions import InstitutionTable
from erasmus_app.store.jobs import Job
from erasmus_app.store.records import RecordTable
from erasmus_app.worker.agreements import PLAN, AgreementReader
from erasmus_app.worker.pages import FACTSHEET, INSTITUTION, PageKeeper, plan_of


class Recurring(Protocol):
    """What has a job that brings itself back."""

    async def start(self) -> None:
        """Make sure that the job is there."""


@dataclass(frozen=True, slots=True)
class Published:
    """Handlers by kind of job, and what is started with the worker."""

    handlers: Mapping[str, Callable[[Job], Awaitable[None]]]
    recurring: tuple[Recurring, ...]


def published_by_heis(
    services: Services,
    tables: Database,
    records: RecordTable,
    factsheets: FactsheetSource,
    institutions: InstitutionSource,
    agreements: AgreementSource,
) -> Published:
    """Make them."""
    known = AgreementTable(tables)

    async def described(tenant: HeiId) -> set[HeiId]:
        return await records.institutions(tenant) | await known.partners(tenant)

    keeper = PageKeeper(FACTSHEET, services, factsheets, FactsheetTable(tables), records.hosts)
    describer = PageKeeper(INSTITUTION, services, institutions, InstitutionTable(tables), described)
    reader = AgreementReader(services, agreements, known, records)
    return Published(
        handlers={
            FACTSHEET: keeper.ask,
            plan_of(FACTSHEET): keeper.plan,
            INSTITUTION: describer.ask,
            plan_of(INSTITUTION): describer.plan,
            AGREEMENTS: reader.read,
            PLAN: reader.plan,
        },
        recurring=(keeper, describer, reader),
    )
