"""Counts over the records, for the network's statistics portal (guide §3.5)."""

from dataclasses import dataclass

import msgspec

from erasmus_app.ids import HeiId
from erasmus_app.mobilities.figures import Agreements, Nominations, Transcripts
from erasmus_app.store.database import Database

_YEAR = "receiving_academic_year_id"


@dataclass(frozen=True, slots=True)
class FigureTable:
    """What `mobilities.figures.Figures` asks for. Once a month somebody reads it: no index."""

    database: Database

    async def nominations(self, hei: HeiId) -> list[Nominations]:
        """Return those that the HEI sends, by year."""
        rows = await self.database.fetch(
            f"""select year, count(*) filter (where status in ('pending', 'nomination')) as pending,
                    count(*) filter (where status in ('approved', 'live', 'recognized')) as approved
                from mobility, lateral (select record #>> '{{nomination,value,{_YEAR}}}' as year,
                    record #>> '{{nomination,value,status}}' as status) as nomination
                where tenant = $1 and sending_hei_id = $1 and year is not null
                group by year order by year""",  # noqa: S608 - a constant
            hei,
        )
        return msgspec.convert([dict(row) for row in rows], list[Nominations])

    async def agreements(self, hei: HeiId, *, outgoing: bool) -> list[Agreements]:
        """Return those of its students, or of its guests, by year, from 2021/2022 on."""
        end = "sending_hei_id" if outgoing else "receiving_hei_id"
        rows = await self.database.fetch(
            f"""select value ->> '{_YEAR}' as year, count(*) as total,
                    count(*) filter (where value -> 'first_version' <> 'null') as some_approved,
                    count(*) filter (where value -> 'approved_changes' <> 'null') as modified,
                    count(*) filter (where value -> 'changes_proposal' = 'null'
                        and record -> 'change_returned_at' <> 'null') as latest_rejected,
                    count(*) filter (where value -> 'changes_proposal' <> 'null') as latest_awaiting
                from mobility, lateral (
                    select record #> '{{agreement,value}}' as value) as agreement
                where tenant = $1 and {end} = $1 and value ->> '{_YEAR}' >= '2021/2022'
                group by year order by year""",  # noqa: S608 - constants
            hei,
        )
        return msgspec.convert([dict(row) for row in rows], list[Agreements])

    async def transcripts(self, hei: HeiId) -> list[Transcripts]:
        """Return those that the HEI has issued, by year.

        It is the one that the HEI's feed said of the transcript, or else that of the mobility.
        """
        rows = await self.database.fetch(
            f"""select year, count(*) as total
                from mobility m left join own_object fed on fed.tenant = m.tenant
                    and fed.api = 'imobility-tors' and fed.sending_hei_id = m.sending_hei_id
                    and fed.object_id = m.omobility_id and fed.removed_at is null,
                lateral (select coalesce(fed.{_YEAR},
                    record #>> '{{nomination,value,{_YEAR}}}',
                    record #>> '{{agreement,value,{_YEAR}}}') as year) as known
                where m.tenant = $1 and m.receiving_hei_id = $1 and year is not null
                    and record #> '{{transcript,value}}' <> 'null'
                group by year order by year""",  # noqa: S608 - a constant
            hei,
        )
        return msgspec.convert([dict(row) for row in rows], list[Transcripts])
