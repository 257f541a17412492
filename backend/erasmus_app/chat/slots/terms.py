"""Terms and academic years: «next semester», «autumn 2027», «2026/27»."""

from datetime import date

from erasmus_app.chat.slots.models import FoundTerm
from erasmus_app.chat.slots.sentence import Sentence
from erasmus_app.chat.slots.words import Spoken
from erasmus_app.ids import AcademicYearId
from erasmus_app.institutions.agreements import year_of
from erasmus_app.institutions.models import Term

SPRING_MONTHS = range(2, 8)  # as most universities count; a term of one's own is in the record
FIRST_YEAR, LAST_YEAR = 1987, 2199  # Erasmus began in 1987


def find_terms(its: Sentence) -> tuple[tuple[FoundTerm, ...], tuple[AcademicYearId, ...]]:
    """Return the terms that a question names, and the academic years."""
    terms, years, at = list[FoundTerm](), dict[AcademicYearId, None](), 0
    while at < len(its.read):
        year = written_year(its, at)
        if year is not None:
            years[year[0]] = None
            at = year[1]
            continue
        relative, term = its.words.years.match(its.read, at), its.words.terms.match(its.read, at)
        if relative is not None and (term is None or term.end <= relative.end):
            its_year = _moved(year_of(its.today), relative.value)
            if its_year is not None:
                years[its_year] = None
            at = relative.end
        elif term is not None:
            found, at = _term(its, at, term.end, term.value)
            if found is not None:
                terms.append(found)
        else:
            at += 1
    return tuple(terms), tuple(years)


def written_year(its: Sentence, at: int) -> tuple[AcademicYearId, int] | None:
    """Read «2026/2027», «2026/27», «2026-27»; two years that follow each other."""
    first, second = its.number(at), its.number(at + 2)
    if first is None or second is None or not FIRST_YEAR <= first <= LAST_YEAR:
        return None
    length, mark = len(its.text(at + 2)), its.text(at + 1)
    if mark not in {"/", "-"} or length not in {2, 4}:
        return None
    if second != (first + 1 if length == 4 else (first + 1) % 100):
        return None
    if length == 2 and mark == "-" and second <= 12:
        return None  # a month
    return _year(first), at + 3


def _term(its: Sentence, at: int, end: int, spoken: Spoken) -> tuple[FoundTerm | None, int]:
    term = spoken.term
    if term is None:
        number = 2 * _first(its.today) + (_now(its.today) is Term.SPRING) + spoken.offset
        term, first = (Term.SPRING if number % 2 else Term.AUTUMN), number // 2
        year = _year(first) if FIRST_YEAR <= first <= LAST_YEAR else None
        return FoundTerm(text=its.said(at, end), term=term, year=year, is_relative=True), end
    after = its.after_fillers(end)
    written = written_year(its, after)
    if written is not None:
        # The year is told once more among the years.
        return FoundTerm(text=its.said(at, written[1]), term=term, year=written[0]), after
    calendar = its.year(after)
    if calendar is None or not FIRST_YEAR < calendar <= LAST_YEAR:
        found = FoundTerm(text=its.said(at, end), term=term)
        return None if spoken.needs_year else found, end
    year = _year(calendar - (term is Term.SPRING))
    return FoundTerm(text=its.said(at, after + 1), term=term, year=year), after + 1


def _now(today: date) -> Term:
    return Term.SPRING if today.month in SPRING_MONTHS else Term.AUTUMN


def _first(today: date) -> int:
    return int(year_of(today).partition("/")[0])


def _year(first: int) -> AcademicYearId:
    return AcademicYearId(f"{first}/{first + 1}")


def _moved(year: AcademicYearId, offset: int) -> AcademicYearId | None:
    first = int(year.partition("/")[0]) + offset
    return _year(first) if FIRST_YEAR <= first <= LAST_YEAR else None
