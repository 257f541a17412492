"""The agreements that the host's university has, and what it has approved."""

from decimal import Decimal

from msgspec.structs import replace

from ewp.messages import iia_conditions as conditions
from ewp.messages import iias, iias_approval

LINDENTAL, RIBEIRA, MONTFORT = "lindental.example", "ribeira.example", "montfort.example"


def agreement(iia_id, code, with_whom, first, last):
    """A copy of version 7: students of the partner's come to study."""
    studies = conditions.StudentMobilitySpecV7(
        sending_hei_id=with_whom,
        receiving_hei_id=LINDENTAL,
        receiving_first_academic_year_id=first,
        receiving_last_academic_year_id=last,
        mobilities_per_year=conditions.MobilitiesPerYear(value=3),
        recommended_language_skills=(conditions.RecommendedLanguageSkill(language="de"),),
        total_months_per_year=Decimal(15),
        blended=False,
    )
    return iias.IiaV7(
        partners=(
            iias.Partner(hei_id=LINDENTAL, iia_id=iia_id, iia_code=code),
            iias.Partner(hei_id=with_whom, iia_id=f"{iia_id}/theirs"),
        ),
        in_effect=True,
        cooperation_conditions=conditions.CooperationConditionsV7(
            student_studies_mobility_specs=(studies,)
        ),
        iia_hash="f" * 64,  # the host makes its own
    )


def older(iia):
    """The same in version 6, with its PDF."""
    [spec] = iia.cooperation_conditions.student_studies_mobility_specs
    first, last = spec.receiving_first_academic_year_id, spec.receiving_last_academic_year_id
    studies = conditions.StudentMobilitySpecV6(
        sending_hei_id=spec.sending_hei_id,
        receiving_hei_id=spec.receiving_hei_id,
        receiving_academic_year_ids=tuple(
            f"{year}/{year + 1}" for year in range(int(first[:4]), int(last[:4]) + 1)
        ),
        mobilities_per_year=spec.mobilities_per_year,
        total_months_per_year=spec.total_months_per_year,
        blended=spec.blended,
    )
    return iias.IiaV6(
        partners=iia.partners,
        in_effect=iia.in_effect,
        cooperation_conditions=conditions.CooperationConditionsV6(
            student_studies_mobility_specs=(studies,)
        ),
        pdf=b"%PDF-1.7 signed",
    )


def swapped(iia):
    return replace(iia, partners=iia.partners[::-1])


AGREED = {
    "L/1": agreement("L/1", "LIN 1", RIBEIRA, "2026/2027", "2028/2029"),
    "L/2": agreement("L/2", "LIN 2", MONTFORT, "2026/2027", "2026/2027"),
    "L/3": agreement("L/3", "LIN 1", RIBEIRA, "2029/2030", "2029/2030"),
}
AGREED["X/9"] = replace(  # what a careless store may have: an agreement of two others
    AGREED["L/1"],
    partners=(
        iias.Partner(hei_id=RIBEIRA, iia_id="X/9", iia_code="LIN 1"),
        iias.Partner(hei_id=MONTFORT, iia_id="X/9"),
    ),
)
STATS = iias.IiaStats(
    iia_fetchable=3,
    iia_local_unapproved_partner_approved=1,
    iia_local_approved_partner_unapproved=0,
    iia_both_approved=2,
)
APPROVED = {(RIBEIRA, "r-1"): "1" * 64, (RIBEIRA, "r-2"): "2" * 64, (MONTFORT, "r-1"): "3" * 64}


class Agreed:
    """The part of the store that has them.

    It does as little as a store may: it returns a copy from the partner's side, and does not look
    at who may see what.
    """

    async def iia_copies(self, major, partners, ids, modified_since):
        return self.copies_where(
            major, ids, lambda copy: ids is None or copy.partners[0].iia_id in ids, modified_since
        )

    async def iia_copies_by_code(self, partners, codes):
        return self.copies_where(6, codes, lambda copy: copy.partners[0].iia_code in codes)

    def copies_where(self, major, asked, fits, since=None):
        fitting = {id_: copy for id_, copy in AGREED.items() if fits(copy)}
        found = self.there(fitting, None, since)
        self.asked[-1] = asked
        return [swapped(each) if major >= 7 else older(each) for each in found]

    async def iia_stats(self):
        return STATS

    async def iia_approvals(self, major, owners, ids):
        self.asked.append(ids)
        found = {
            id_: digits
            for (owner, id_), digits in APPROVED.items()
            if owner in owners and id_ in ids
        }
        if major >= 2:
            return [
                iias_approval.ApprovalV2(iia_id=id_, iia_hash=digits)
                for id_, digits in found.items()
            ]
        return [
            iias_approval.ApprovalV1(iia_id=id_, conditions_hash=digits, pdf=b"%PDF-1.7 ours")
            for id_, digits in found.items()
        ]

    async def iia_changed(self, api, hei_id, callers, iia_id):
        if self.broken:
            raise ConnectionResetError("away")
        self.heard.append((api, hei_id, sorted(callers), iia_id))
