"""A covered HEI without a system of its own, fed with everything, for the validator to see."""

from pathlib import Path

from fed import CLAIRVAL, LINDENTAL, OUTONO, Feed
from msgspec.structs import replace
from testbed import Bed
from validator.sandboxed import stranger
from validator.site import Caller, Keys, Known, Update

from ewp.messages import (
    factsheet,
    imobilities,
    imobility_tors,
    institutions,
    omobilities,
    omobility_las,
    organizational_units,
)
from sandbox import office
from sandbox.cast import INES, RIBEIRA, UNIVERSITIES
from sandbox.hei import SandboxHei
from sandbox.network import kept_key
from sandbox.shown import Shown
from sandbox.story import GRADES
from sandbox.units import FACULTY_ID

OWN = replace(RIBEIRA, hei_id=OUTONO)  # an office of the same habits


async def fed(bed: Bed, folder: Path) -> tuple[Keys, Known]:
    """Give the backend all that Outono has with its partner and with somebody else."""
    hei, feed = SandboxHei(OWN, folder), Feed(bed)
    UNIVERSITIES.setdefault(OUTONO, OWN)
    try:
        for whom, who in (("partner", LINDENTAL), ("other", CLAIRVAL)):
            office.nominate_new(hei, INES, who, f"out/{whom}")
            office.nominate_old(hei, INES, who, f"old/{whom}")
            office.send_agreement(hei, INES, who, f"out/{whom}")
            for name in (f"in+{whom}", f"in2+{whom}"):
                office.receive(hei, who, name, "verified")
                office.confirm_arrival(hei, name)
                office.issue_transcript(hei, INES, who, name, grades=GRADES)
        office.nominate_new(hei, INES, LINDENTAL, "to-decide")
        office.send_agreement(hei, INES, LINDENTAL, "to-decide")
        kept = hei.kept
        await feed.given(omobilities.write_get_response(kept.new.values(), major=3))
        await feed.given(omobilities.write_get_response(kept.old.values(), major=2))
        await feed.given(omobility_las.write_get_response(kept.agreements.values()))
        for whom, who in (("partner", LINDENTAL), ("other", CLAIRVAL)):
            here = [kept.receptions[f"in+{whom}"], kept.receptions[f"in2+{whom}"]]
            await feed.given(imobilities.write_get_response(here, major=1), sending_hei_id=who)
            for major, name in ((3, f"in+{whom}"), (2, f"in2+{whom}")):
                xml = imobility_tors.write_get_response([kept.transcripts[name]], major=major)
                await feed.given(xml, sending_hei_id=who)
        itself = await hei.institution()
        units = await Shown(OWN).ounits_by_id(itself.ounit_ids)
        await feed.given(institutions.write_response([itself]))
        await feed.given(organizational_units.write_response(units))
        sheet = await hei.factsheet()
        assert sheet is not None
        await feed.given(factsheet.write_response([sheet]))
    finally:
        del UNIVERSITIES[OUTONO]
    return _keys(bed), _known(hei)


def _keys(bed: Bed) -> Keys:
    network = bed.world.network
    partner, other = (Caller(each, stranger(network.keys[each])) for each in (LINDENTAL, CLAIRVAL))
    heis = Path(bed.world.environment["ERASMUS_APP_EWP_HEIS"])
    own = kept_key(heis.parent / "keys" / "outono.pem")
    return Keys(partner, other, Caller(OUTONO, stranger(own)))


def _known(hei: SandboxHei) -> Known:
    nominated = hei.kept.new["to-decide"].nomination.proposal_id
    proposal = hei.kept.agreements["to-decide"].changes_proposal
    assert proposal is not None
    year, _ = office.this_term()
    return Known(
        objects={
            ("omobilities", 3): ["out/partner"],
            ("omobilities", 2): ["old/partner"],
            ("omobility-las", 1): ["out/partner"],
            ("imobilities", 1): ["in+partner"],
            ("imobilities", 2): ["in+partner"],
            ("imobility-tors", 3): ["in+partner"],
            ("imobility-tors", 2): ["in2+partner"],
            ("institutions", 2): [OUTONO],
            ("factsheet", 1): [OUTONO],
            ("organizational-units", 2): [FACULTY_ID],
        },
        codes={"organizational-units": ["F-1"]},
        updates={
            ("omobilities", 3): Update("to-decide", nominated),
            ("omobility-las", 1): Update("to-decide", proposal.id),
        },
        receiving_academic_year_id=year,
    )
