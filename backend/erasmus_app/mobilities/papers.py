"""What the papers of a mobility say of its student. Personal, but for whether there is an ESI."""

from collections.abc import Iterator
from enum import StrEnum

from erasmus_app.identity.esi import is_esi
from erasmus_app.mobilities.models import Mobility, StudentData


class EsiState(StrEnum):
    """Whether the papers have a European Student Identifier, by which a student is found."""

    PRESENT = "present"
    MISSING = "missing"
    INVALID = "invalid"  # something stands there, and it is no ESI


def students(mobility: Mobility) -> Iterator[StudentData]:
    """Yield what each paper says of the student, the agreement first."""
    for fact in (mobility.agreement, mobility.nomination, mobility.transcript):
        if fact is not None and fact.value is not None:
            yield fact.value.student


def student_name(mobility: Mobility) -> str | None:
    """Return the name that the first paper has; None where none is visible."""
    student = next(students(mobility), None)
    return f"{student.given_names} {student.family_name}".strip() if student else None


def esi_state(mobility: Mobility) -> EsiState | None:
    """Return how it is with the ESI; one paper with one is enough. None where none is visible."""
    known = list(students(mobility))
    if not known:
        return None
    if any(each.esi and is_esi(each.esi) for each in known):
        return EsiState.PRESENT
    return EsiState.INVALID if broken_esi(mobility) else EsiState.MISSING


def broken_esi(mobility: Mobility) -> str | None:
    """Return what the first paper has where an ESI should stand, and is none."""
    said = (each.esi.strip() for each in students(mobility) if each.esi)
    return next((each for each in said if each and not is_esi(each)), None)
