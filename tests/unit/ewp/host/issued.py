"""The transcripts of records that the host's university has issued."""

from datetime import UTC, date, datetime
from decimal import Decimal

from ewp.messages import elmo, imobility_tors
from ewp.messages.common import Text

ISSUED = datetime(2026, 2, 20, 12, tzinfo=UTC)
TRANSCRIPTS = {  # sending HEI and year
    "in-1": ("ribeira.example", "2026/2027"),
    "in-2": ("montfort.example", "2026/2027"),
    "in-3": ("ribeira.example", "2027/2028"),
}


def transcript(id_):
    named = (Text(value="Mapping", lang="en"),)
    course = elmo.LearningOpportunitySpecification(
        identifiers=(elmo.Identifier(type="ewp-los-id", value="CR/map"),),
        titles=named,
        instance=elmo.LearningOpportunityInstance(
            status=elmo.ResultStatus.PASSED,
            result_label="1,7",
            credits=(elmo.Credit(scheme="ects", value=Decimal(6)),),
        ),
    )
    report = elmo.Report(
        issuer=elmo.Issuer(
            identifiers=(elmo.Identifier(type="schac", value="lindental.example"),),
            titles=(Text(value="Universität Lindental"),),
            url="https://lindental.example",
        ),
        courses=(course,),
        issue_date=ISSUED,
    )
    return imobility_tors.Tor(
        omobility_id=id_,
        receiving_academic_year_id=TRANSCRIPTS[id_][1],
        elmo=elmo.Elmo(
            generated_date=ISSUED,
            learner=elmo.Learner(
                identifiers=(
                    elmo.Identifier(
                        type="esi",
                        value=f"urn:schac:personalUniqueCode:int:esi:ribeira.example:{id_}",
                    ),
                ),
                given_names="Inês",
                family_name="Duarte",
                alternative_name=Text(value="Ines Duarte"),
                date_of_birth=date(2004, 3, 9),
            ),
            reports=(report,),
        ),
    )


class Issued:
    """The part of the store that keeps them."""

    async def transcripts(self, major, senders, ids):
        self.asked.append(ids)
        return [transcript(id_) for id_ in self.issued_to(senders) if id_ in ids]

    async def issued(self, major, senders, modified_since, receiving_academic_year_id):
        self.asked.append(None)
        recent = modified_since is None or modified_since <= ISSUED
        year = receiving_academic_year_id
        found = self.issued_to(senders)
        return [id_ for id_ in found if recent and year in {None, TRANSCRIPTS[id_][1]}]

    def issued_to(self, senders):
        if self.broken:
            raise ConnectionResetError("Inês Duarte")
        found = TRANSCRIPTS.items()
        return [id_ for id_, (sender, _) in found if senders is None or sender in senders]
