"""What is known of a student, put together once for whoever answers: chat, and MCP's tools.

Read through the same services as GraphQL, for one account and what it may see.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import msgspec

from erasmus_app.chat.models import Asker
from erasmus_app.ids import HeiId, MobilityId
from erasmus_app.institutions.models import CoveredHei, KnownFactsheet
from erasmus_app.institutions.places import KnownInstitution
from erasmus_app.institutions.ports import FactsheetStore, InstitutionStore
from erasmus_app.kit.clock import Clock
from erasmus_app.mobilities.brief import Brief, brief
from erasmus_app.mobilities.deadlines import Deadline, deadlines, foreseen
from erasmus_app.mobilities.models import Api, Mobility
from erasmus_app.mobilities.ports import LocalRules, MobilitySource, RecordStore, StoredMobility
from erasmus_app.mobilities.refreshes import heard
from erasmus_app.mobilities.rules import Rules
from erasmus_app.mobilities.shown import shown_of
from erasmus_app.mobilities.steps import TimelineStep, timeline


class KnownMobility(msgspec.Struct, frozen=True, kw_only=True):
    """A mobility with all that is computed of it on the student's day."""

    stored: StoredMobility
    brief: Brief
    steps: tuple[TimelineStep, ...]
    deadlines: tuple[Deadline, ...]  # what is still to be done, the earliest first
    foreseen: tuple[Deadline, ...] = ()  # the same for steps that are done, or not to be done yet
    heard: frozenset[Api] = frozenset()  # in which the host can be asked
    factsheet: KnownFactsheet | None  # the host's
    home: KnownInstitution | None  # what the universities say of themselves
    host: KnownInstitution | None

    @property
    def mobility(self) -> Mobility:
        """The record."""
        return self.stored.mobility

    @property
    def mobility_id(self) -> MobilityId:
        """Our id."""
        return self.stored.mobility_id


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a student on one of their days."""

    today: date  # the student's
    mobilities: tuple[KnownMobility, ...]  # newest change first

    def of(self, mobility: MobilityId | None) -> KnownMobility | None:
        """Return one; None of what is not the student's."""
        return next((each for each in self.mobilities if each.mobility_id == mobility), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Knowledge:
    """Puts it together, by three reads however many mobilities there are."""

    records: RecordStore
    factsheets: FactsheetStore
    institutions: InstitutionStore
    rules: Rules
    local_rules: LocalRules
    source: MobilitySource
    heis: Mapping[HeiId, CoveredHei]
    clock: Clock

    async def of(self, asker: Asker) -> Known:
        """Return what the asker may see, as it stands on their day."""
        today = self.clock().astimezone(ZoneInfo(asker.zone)).date()
        stored = {
            each.mobility_id: each for each in await self.records.mobilities_of(asker.account_id)
        }
        briefs = shown_of([brief(each, today) for each in stored.values()], asker.standing)
        hosts = list(dict.fromkeys(each.receiving_hei_id for each in briefs))
        both = list(dict.fromkeys([*hosts, *(each.sending_hei_id for each in briefs)]))
        factsheets = dict(zip(hosts, await self.factsheets.pages(hosts), strict=True))
        institutions = dict(zip(both, await self.institutions.pages(both), strict=True))
        return Known(
            today=today,
            mobilities=tuple(
                self._known(
                    stored[each.mobility_id],
                    each,
                    factsheets[each.receiving_hei_id],
                    institutions,
                    today,
                )
                for each in briefs
            ),
        )

    def _known(
        self,
        stored: StoredMobility,
        brief: Brief,
        factsheet: KnownFactsheet | None,
        institutions: Mapping[HeiId, KnownInstitution | None],
        today: date,
    ) -> KnownMobility:
        mobility = stored.mobility
        local = self.local_rules.book.about(mobility)
        apis = heard(mobility, self.heis.get(mobility.tenant), self.source)
        return KnownMobility(
            stored=stored,
            brief=brief,
            steps=timeline(mobility, today),
            deadlines=deadlines(
                mobility,
                factsheet,
                self.rules,
                apis,
                today,
                local,
            ),
            heard=apis,
            foreseen=foreseen(mobility, factsheet, self.rules, today, local),
            factsheet=factsheet,
            home=institutions[mobility.sending_hei_id],
            host=institutions[mobility.receiving_hei_id],
        )
