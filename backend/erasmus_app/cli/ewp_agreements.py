"""Agreements of partners in words: who sends how many where, and whether the hash fits.

Contacts are left out: who wants them has `--xml`.
"""

from collections.abc import Iterator

from erasmus_app.cli.ewp_findings import Finding
from erasmus_app.cli.ewp_tools import one_line
from ewp.client import Reply
from ewp.errors import MessageInvalid, XmlRefused
from ewp.messages import iia_hash, iias
from ewp.messages.iia_conditions import MobilitySpec, MobilitySpecV6, SubjectArea

_KINDS = (
    ("studies", "student_studies_mobility_specs"),
    ("traineeships", "student_traineeship_mobility_specs"),
    ("teaching", "staff_teacher_mobility_specs"),
    ("training", "staff_training_mobility_specs"),
)
_IN_EFFECT = {True: "yes", False: "no: a draft or a proposal", None: ""}


def rows_of_agreement(iia: iias.Iia) -> Iterator[tuple[str, str]]:
    """Yield names and values for a reader; those that are not said are empty."""
    for who, partner in zip(("first", "second"), iia.partners, strict=True):
        yield f"{who}: HEI", partner.hei_id
        yield f"{who}: iia_id", partner.iia_id or "not known"
        yield f"{who}: code", partner.iia_code or ""
        yield f"{who}: unit", partner.ounit_id or ""
        yield f"{who}: signed", str(partner.signing_date or "")
    yield "in effect", _IN_EFFECT[iia.in_effect]
    if isinstance(iia, iias.IiaV7) and iia.cooperation_conditions.terminated_as_a_whole:
        yield "terminated", "as a whole"
    for kind, name in _KINDS:
        for spec in getattr(iia.cooperation_conditions, name):
            yield kind, ", ".join(_said(spec))
            yield f"{kind}: terms", spec.other_info_terms or ""
    if isinstance(iia, iias.IiaV7):
        yield "pdf_file", iia.pdf_file or ""
    elif iia.pdf is not None:
        yield "pdf", f"{len(iia.pdf)} bytes"


def _said(spec: MobilitySpec) -> Iterator[str]:
    """Yield what one specification says, piece by piece."""
    yield f"{_end(spec.sending_hei_id, spec.sending_ounit_id)} to " + (
        _end(spec.receiving_hei_id, spec.receiving_ounit_id)
    )
    if isinstance(spec, MobilitySpecV6):
        first, last = spec.receiving_academic_year_ids[0], spec.receiving_academic_year_ids[-1]
    else:
        first = spec.receiving_first_academic_year_id
        last = spec.receiving_last_academic_year_id
    yield first if first == last else f"{first} to {last}"
    if spec.mobilities_per_year is not None:
        yield f"{spec.mobilities_per_year.value} a year{_open(spec.mobilities_per_year)}"
    for unit in ("months", "days"):
        if (total := getattr(spec, f"total_{unit}_per_year", None)) is not None:
            yield f"{total} {unit} a year in all"
    if getattr(spec, "blended", False):
        yield "blended too"
    if levels := getattr(spec, "eqf_levels", ()):
        yield f"EQF {' '.join(map(str, levels))}"
    yield from map(_subject, spec.subject_areas)
    for skill in spec.recommended_language_skills:
        area = f" in {_subject(skill.subject_area)}" if skill.subject_area else ""
        yield f"{skill.language} {skill.cefr_level or ''}".rstrip() + area + _open(skill)


def _end(hei_id: str, ounit_id: str | None) -> str:
    return f"{hei_id} ({ounit_id})" if ounit_id else hei_id


def _open(value: object) -> str:
    return " (not yet defined)" if getattr(value, "not_yet_defined", False) else ""


def _subject(area: SubjectArea) -> str:
    code = area.isced_f_code
    older = f" (in version 6: {code.v6_value})" if code.v6_value else ""
    text = f" {area.isced_clarification}" if area.isced_clarification else ""
    return f"ISCED-F {code.value}{older}{text}"


def hashes_of(reply: Reply) -> Iterator[Finding]:
    """Say of each agreement whether its hash fits, and what else keeps it from being approved."""
    try:
        checked = iia_hash.read_checked(reply.body)
    except (XmlRefused, MessageInvalid) as error:
        yield Finding.problem("hash", f"cannot be checked: {error}")
        return
    for each in checked:
        id_ = one_line(each.iia.partners[0].iia_id or "an agreement without an id")
        if each.fits:
            yield Finding.ok("hash", f"{id_}: the hash fits")
        elif each.carried is None:
            yield Finding.warning("hash", f"{id_}: carries no hash, so nobody can approve it")
        else:
            words = f"{id_}: the hash does not fit; what came has {each.computed}"
            yield Finding.problem("hash", words, "approve nothing of it; tell them")
        if each.fits and each.obstacles:
            yield Finding.warning("approval", f"{id_}: not yet: {'; '.join(each.obstacles)}")
