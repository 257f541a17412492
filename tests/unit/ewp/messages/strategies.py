"""Hypothesis strategies for messages: structs that may be written, built from their annotations.

Nothing here looks at the tables that read and write, so a field that those forget is found.
"""

import enum
import types
import typing
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache

import msgspec
from hypothesis import strategies as st

from ewp.messages import common, courses, factsheet, iia_conditions, iias, institutions, omobilities
from ewp.messages import omobility_las as las
from ewp.messages import organizational_units as units

LETTERS = st.characters(
    codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"
)
STRINGS = st.one_of(
    st.text(LETTERS, min_size=1, max_size=12).map(str.strip).filter(bool),
    st.sampled_from(["a & b", "<b>", "]]>", '"quoted"', "two\nlines", "a\r\nb", "a\tb", "Żółć"]),
)
SPACED = st.one_of(STRINGS, st.sampled_from(["", " ", " a  b\n"]))  # texts whose blanks count
IDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)
HEI_IDS = st.sampled_from(["ribeira.example", "lindental.example", "a-b.c.example", "x1.example"])
URLS = st.sampled_from(
    [
        "https://www.lindental.example/a?b=1&c=d%20e",
        "https://clairval.example",
        "https://x.example/é",
    ]
)
PHONES = st.builds(
    common.Phone,
    e164=st.one_of(st.none(), st.from_regex(r"\+[0-9]{1,15}", fullmatch=True)),
    other_format=st.sampled_from(["(23) 45", "ask <reception>"]),
)
LANGUAGES = st.sampled_from(["en", "pt-BR", "sr-Latn", "de"])
YEARS = st.sampled_from(["2026/2027", "2026/2026"])
DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))
MOMENTS = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zones
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from(
        [UTC, timezone(timedelta(hours=2)), timezone(-timedelta(minutes=90))]
    ),
)
NUMBERS = st.decimals(Decimal(0), Decimal(90), places=2)
TOTALS = st.decimals(Decimal("0.01"), Decimal(90), places=2)
HASHES = st.from_regex("[0-9a-f]{64}", fullmatch=True)

BY_NAME = {
    "hei_id": HEI_IDS,
    "hei_ids": st.lists(HEI_IDS, max_size=2).map(tuple),
    "sending_hei_id": HEI_IDS,
    "parent_ounit_id": IDS,
    "omobility_id": IDS,
    "ounit_id": IDS,
    "root_ounit_id": IDS,
    "ounit_ids": st.lists(IDS, max_size=2).map(tuple),
    "iia_id": IDS,
    "los_id": st.from_regex(r"(CR|CLS|MOD|DEP)/[!-~]{1,40}", fullmatch=True),
    "loi_id": st.from_regex(r"(CRI|CLSI|MODI|DEPI)/[!-~]{1,40}", fullmatch=True),
    "receiving_academic_year_id": YEARS,
    "academic_year_id": YEARS,
    "ewp_id": st.sampled_from(["2026/2027-1/2", "2026/2026-3/3"]),
    "contains": st.lists(st.sampled_from(["CLS/1&2", "MOD/<3>"]), max_size=2).map(tuple),
    "level": st.sampled_from(["Bachelor", "Master", "PhD"]),
    "count": st.integers(0, 999_999_999),
    "eqf_level_provided": st.integers(1, 8),
    "language_of_instruction": LANGUAGES,
    "sending_academic_term_ewp_id": st.sampled_from(["2026/2027-1/2", "2026/2026-3/3"]),
    "email": st.sampled_from(["a@b.example", "o'neil+x@mail.lindental.example"]),
    "emails": st.lists(st.just("office@clairval.example"), max_size=2).map(tuple),
    "country": st.sampled_from(["PT", "GR"]),
    "citizenship": st.sampled_from(["PT", "GR"]),
    "nationality": st.sampled_from(["PL", "GB"]),
    "gender": st.sampled_from([0, 1, 2, 9]),
    "person_gender": st.sampled_from([0, 1, 2, 9]),
    "cefr_level": st.sampled_from(["A1", "C2", "NS"]),
    "language": LANGUAGES,
    "lang": LANGUAGES,
    "eqf_level_studied_at_nomination": st.integers(1, 8),
    "eqf_level_studied_at_departure": st.integers(1, 8),
    "agreement_isced_f_code": st.from_regex("[0-9]{4}", fullmatch=True),
    "activity_type": st.just("student-studies"),
    "activity_attributes": st.sampled_from(["long-term", "short-term-blended"]),
    "reason_code": st.sampled_from(las.REASON_CODES),
    "start_year_month": st.sampled_from(["2026-09", "2027-12"]),
    "end_year_month": st.sampled_from(["2027-02", "2028-10"]),
    "autumn_term": st.sampled_from(["--05-15", "--02-29"]),
    "spring_term": st.sampled_from(["--10-31", "--12-01"]),
    "size_px": st.sampled_from(["350x450"]),
    "file": IDS,
    "url": URLS,
    "logo_url": URLS,
    "provisions_url": URLS,
    "learning_outcomes_url": URLS,
    "phone_number": PHONES,
    "term_number": st.integers(1, 3),
    "total_terms": st.integers(1, 3),
    "decision_weeks_limit": st.integers(0, 20),
    "tor_weeks_limit": st.integers(0, 20),
    "receiving_hei_id": HEI_IDS,
    "sending_ounit_id": IDS,
    "receiving_ounit_id": IDS,
    "receiving_first_academic_year_id": st.just("2026/2026"),
    "receiving_last_academic_year_id": YEARS,
    "receiving_academic_year_ids": st.sampled_from(
        [("2026/2027",), ("2026/2026", "2027/2027", "2028/2028")]
    ),
    "other_info_terms": SPACED,
    "v6_value": st.sampled_from(["02", "031"]),
    "eqf_levels": st.lists(st.integers(1, 8), max_size=3).map(tuple),
    "total_months_per_year": TOTALS,
    "total_days_per_year": TOTALS,
    "conditions_hash": HASHES,
    "iia_hash": HASHES,
    "pdf": st.binary(min_size=1, max_size=80),
}
WEB_FIELDS = {
    "website_urls",
    "mobility_factsheet_urls",
    "course_catalogue_urls",
    "information_websites",
    "urls",
}
# What the schema insists on although readers do not.
NEEDED = {
    omobilities.StudentV2: {"global_id"},
    omobilities.StudentV3: {"global_id", "birth_date", "nationality", "gender", "email"},
    omobilities.StudentMobilityV2: {"activity_type", "activity_attributes"},
    omobilities.NominationV3: {
        "activity_type",
        "activity_attributes",
        "agreement_isced_f_code",
        "eqf_level_studied_at_departure",
        "nominee_isced_f_code",
    },
    las.MobilityInstitution: {"contact_person"},
    las.ContactPerson: {"given_names", "family_name", "email"},
    las.LanguageSkill: {"language", "cefr_level"},
    las.LearningAgreement: {
        "eqf_level_studied_at_departure",
        "isced_f_code",
        "student_language_skill",
    },
    factsheet.InformationEntry: {"email", "phone_number", "website_urls"},
    factsheet.AdditionalRequirement: {"details"},
    factsheet.Accessibility: {"type", "information"},
    factsheet.AdditionalInfo: {"info"},
    factsheet.Factsheet: {
        "application_info",
        "decision_weeks_limit",
        "tor_weeks_limit",
        "housing_info",
        "visa_info",
        "insurance_info",
    },
    units.OrganizationalUnit: {"ounit_code"},
    courses.CourseInstance: {"start", "end"},
    courses.AcademicTerm: {"display_names", "start_date", "end_date"},
    courses.ResultDistribution: {"categories"},
    common.Address: {"locality"},  # an empty address is none
    las.Student: {"given_names"},  # likewise
    iias.IiaV6: {"in_effect"},
    iias.IiaV7: {"in_effect", "iia_hash"},
    iia_conditions.StudentMobilitySpecV6: {"total_months_per_year", "blended"},
    iia_conditions.StaffMobilitySpecV6: {"total_days_per_year"},
    iia_conditions.StudentMobilitySpecV7: {
        "mobilities_per_year",
        "recommended_language_skills",
        "blended",
    },
    iia_conditions.StaffMobilitySpecV7: {"mobilities_per_year", "recommended_language_skills"},
}
# Lists that may not be empty.
FILLED = {"given_names", "family_names", "names", "contact_names", "titles", "labels"} | {
    "display_names",
    "categories",
    "recommended_language_skills",
}


@cache
def structs(struct: type) -> st.SearchStrategy:
    """Structs of that type, all that is in them included."""
    hints = typing.get_type_hints(struct)
    needed = NEEDED.get(struct, set())
    parts = {
        field.name: _values(
            struct, field.name, hints[field.name], field.required or field.name in needed
        )
        for field in msgspec.structs.fields(struct)
    }
    return st.builds(struct, **parts).map(_possible)


def _values(struct: type, name: str, hint: object, needed: bool) -> st.SearchStrategy:
    arguments = typing.get_args(hint)
    if _is_union(hint) and type(None) in arguments:
        [inner] = (each for each in arguments if each is not type(None))
        values = _values(struct, name, inner, needed=True)
        return values if needed else st.one_of(st.none(), values)
    if struct is omobilities.NominationV3 and name == "nominee_isced_f_code":
        return BY_NAME["agreement_isced_f_code"]
    if struct is omobilities.PhotoUrl and name == "value":
        return URLS
    if struct is institutions.OtherId and name == "type":
        return st.sampled_from(["pic", "erasmus", "our <own>"])
    if struct is courses.Course and name == "type":
        return st.sampled_from(["Degree Programme", "Module", "Course", "Class"])
    if struct is iia_conditions.RecommendedLanguageSkill and name == "cefr_level":
        return st.sampled_from(["A1", "C2"])
    if struct is iia_conditions.IscedFCode and name == "value":
        return BY_NAME["agreement_isced_f_code"]
    if struct is iia_conditions.MobilitiesPerYear and name == "value":
        return st.integers(1, 999_999_999)
    if struct is iia_conditions.SubjectArea and name == "isced_clarification":
        return SPACED
    if name == "partners":
        return st.tuples(structs(iias.Partner), structs(iias.Partner))
    if name in BY_NAME and not (struct is common.Address and name == "unit"):
        return BY_NAME[name]
    if typing.get_origin(hint) is tuple:
        smallest = 1 if needed and name in FILLED | WEB_FIELDS else 0
        items = web_addresses() if name in WEB_FIELDS else _item(arguments[0])
        return st.lists(items, min_size=smallest, max_size=2).map(tuple)
    return _item(hint)


def _is_union(hint: object) -> bool:
    return typing.get_origin(hint) in {typing.Union, types.UnionType}


def _item(hint: object) -> st.SearchStrategy:
    if hint is common.Phone:
        return PHONES
    if _is_union(hint):
        return st.one_of(*(structs(each) for each in typing.get_args(hint)))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return structs(hint)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return st.sampled_from(hint)
    plain = {str: STRINGS, date: DAYS, datetime: MOMENTS, Decimal: NUMBERS, bool: st.booleans()}
    return plain[getattr(hint, "__supertype__", hint)]


def web_addresses() -> st.SearchStrategy:
    return st.builds(common.Text, value=URLS, lang=st.one_of(st.none(), LANGUAGES))


def _possible(made: msgspec.Struct) -> msgspec.Struct:
    """Choose where the schema has a choice."""
    match made:
        case omobilities.StudentMobilityV2() | omobilities.NominationV3():
            none = made.sending_academic_term_ewp_id is None
            return msgspec.structs.replace(made, non_standard_mobility_period=none)
        case omobilities.AdditionalRequirement():
            url = made.url if made.url or made.file else "https://folio.example"
            return msgspec.structs.replace(made, url=url, file=None if url else made.file)
        case las.LearningAgreement():
            start = made.start_date or (None if made.start_year_month else date(2026, 9, 1))
            end = made.end_date or (None if made.end_year_month else date(2027, 2, 1))
            return msgspec.structs.replace(
                made,
                start_date=start,
                start_year_month=None if start else made.start_year_month,
                end_date=end,
                end_year_month=None if end else made.end_year_month,
            )
        case common.Address() if made.address_lines:
            return msgspec.structs.replace(
                made,
                building_number=None,
                building_name=None,
                street_name=None,
                unit=None,
                floor=None,
                post_office_box=None,
                delivery_point_codes=(),
            )
        case iias.IiaV6() | iias.IiaV7():
            return _agreed(made)
        case _:
            return made


def _agreed(iia: iias.Iia) -> iias.Iia:
    """Let the first partner have its ids, the specifications be of the partners, 6 be 6."""
    first, second = iia.partners
    ids = {"iia_id": first.iia_id or "ours/1", "iia_code": first.iia_code or "No. 1"}

    def between(spec: iia_conditions.MobilitySpec) -> iia_conditions.MobilitySpec:
        ends = {"sending_hei_id": first.hei_id, "receiving_hei_id": second.hei_id}
        return msgspec.structs.replace(spec, **ends)

    conditions = iia.cooperation_conditions
    specs = {
        name: tuple(map(between, value))
        for name, value in msgspec.structs.asdict(conditions).items()
        if isinstance(value, tuple)
    }
    whole = msgspec.structs.replace(
        iia,
        partners=(msgspec.structs.replace(first, **ids), second),
        cooperation_conditions=msgspec.structs.replace(conditions, **specs),
    )
    return _as_of_6(whole) if isinstance(iia, iias.IiaV6) else whole


def _as_of_6(made: object) -> typing.Any:
    """The same without what version 6 cannot say, at any depth."""
    if isinstance(made, tuple):
        return tuple(map(_as_of_6, made))
    if not isinstance(made, msgspec.Struct):
        return made
    newer = {"not_yet_defined": False, "v6_value": None}
    return type(made)(
        **{
            name: newer[name] if name in newer else _as_of_6(value)
            for name, value in msgspec.structs.asdict(made).items()
        }
    )


def lists_of(struct: type) -> st.SearchStrategy:
    return st.lists(structs(struct), max_size=2).map(tuple)


TEXTS = st.lists(structs(common.Text), max_size=3).map(tuple)
INDEXES = st.lists(IDS, max_size=5).map(tuple)
HEIS = lists_of(institutions.Hei)
FACTSHEETS = lists_of(factsheet.Factsheet)
