"""What the host's university counts, the files that it has, and the reports that it takes."""

from ewp.messages.file import File
from ewp.messages.imobility_tors import YearStats
from ewp.messages.omobility_stats import IncomingLaStats, MobilityStats, OutgoingLaStats

YEAR = "2026/2027"
NOMINATED = MobilityStats(
    receiving_academic_year_id=YEAR, omobility_pending=3, omobility_approved=4
)
GOING_OUT = OutgoingLaStats(
    receiving_academic_year_id=YEAR,
    la_outgoing_total=9,
    la_outgoing_not_modified_after_approval=4,
    la_outgoing_modified_after_approval=2,
    la_outgoing_latest_version_approved=5,
    la_outgoing_latest_version_rejected=1,
    la_outgoing_latest_version_awaiting=3,
)
COMING_IN = IncomingLaStats(
    receiving_academic_year_id=YEAR,
    la_incoming_total=8,
    la_incoming_some_version_approved=5,
    la_incoming_latest_version_approved=4,
    la_incoming_latest_version_rejected=1,
    la_incoming_latest_version_awaiting=3,
)
ISSUED = YearStats(receiving_academic_year_id=YEAR, imobility_tor_total=7)
FILES = {  # who may read each
    "pdf/1": ("ribeira.example", File(content=b"%PDF-1.7\n\xff\x00", media_type="application/pdf")),
    "odd": ("ribeira.example", File(content=b"?", media_type="a/b\r\nSet-Cookie: x")),
    "empty": ("ribeira.example", File(content=b"", media_type="text/plain")),
}


class Counted:
    """The part of the store that has them."""

    async def omobility_stats(self):
        return self.counted(NOMINATED)

    async def outgoing_la_stats(self):
        return self.counted(GOING_OUT)

    async def incoming_la_stats(self):
        return self.counted(COMING_IN)

    async def tor_stats(self):
        return self.counted(ISSUED)

    def counted(self, figures):
        self.asked.append(None)
        if self.broken:
            raise ConnectionResetError("7")
        return [figures]

    async def file(self, callers, file_id):
        self.asked.append(file_id)
        reader, found = FILES.get(file_id, ("", None))
        return found if reader in callers else None

    async def reported(self, callers, report):
        self.heard.append((sorted(callers), report))
