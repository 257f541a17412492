"""Hypothesis strategies for transcripts of records: what a version of ELMO has a place for.

Every field of every struct is filled, so one that the tables of readers and writers forget is
found.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from hypothesis import strategies as st
from unit.ewp.messages import strategies as made

from ewp.messages import elmo, imobility_tors
from ewp.messages.common import Address, Text

TOKENS = made.STRINGS.map(lambda text: " ".join(text.split()))
A_MOMENT = datetime(2027, 2, 19, 8, tzinfo=UTC)
KINDS = st.sampled_from(["local", "schac", "esi", "ewp-los-id", "of <ours>"])
COUNTRIES = st.sampled_from(["PT", "DE"])


def of(struct, **parts):
    """A strategy for structs of which no field is forgotten here."""
    assert set(parts) == set(struct.__struct_fields__), struct
    return st.builds(struct, **parts)


def some(values, *, least=0, most=2):
    return st.lists(values, min_size=least, max_size=most).map(tuple)


def maybe(values):
    return st.none() | values


NOTHING, NONE_OF_IT = st.none(), st.just(())
LINES = of(Text, value=TOKENS, lang=maybe(made.LANGUAGES))
TEXTS = of(Text, value=made.STRINGS, lang=maybe(made.LANGUAGES))
IDENTIFIERS = of(elmo.Identifier, type=KINDS, value=TOKENS)
FILES = of(
    elmo.AttachedFile,
    media_type=st.sampled_from(["application/pdf", "image/svg+xml"]),
    data=st.binary(min_size=1, max_size=20),
    left_out=NOTHING,
)
ATTACHMENTS = of(
    elmo.Attachment,
    identifiers=some(IDENTIFIERS),
    titles=some(LINES, least=1),  # an empty attachment is none
    type=maybe(st.sampled_from(["Transcript of Records", "Other", "Micro Credential"])),
    descriptions=some(TEXTS),
    contents=some(of(elmo.Content, file=FILES, lang=maybe(made.LANGUAGES))),
)
TERMS = of(elmo.AcademicTerm, titles=some(LINES, least=1), start=made.DAYS, end=made.DAYS)
PERCENTAGES = of(
    elmo.ShortenedGrading,
    percentage_lower=made.NUMBERS,
    percentage_equal=made.NUMBERS,
    percentage_higher=made.NUMBERS,
)
DISTRIBUTIONS = of(
    elmo.ResultDistribution,
    categories=some(of(elmo.ResultCategory, label=TOKENS, count=st.integers(0, 900)), least=1),
    descriptions=some(TEXTS),
)
LEVELS = of(elmo.Level, type=TOKENS, description=maybe(TEXTS), value=maybe(TOKENS))
GROUPINGS = of(elmo.Grouping, typeref=made.IDS, idref=maybe(made.IDS))
REFS = some(made.IDS)
ADDRESSES = st.builds(
    Address, locality=made.STRINGS, country=COUNTRIES, address_lines=some(made.STRINGS)
)
CONVERSIONS = some(
    of(
        imobility_tors.IscedTable,
        isced_code=st.sampled_from(["0532", "0613"]),
        frequencies=some(
            of(imobility_tors.GradeFrequency, label=TOKENS, percentage=made.NUMBERS), least=1
        ),
    )
)


@dataclass(frozen=True)
class Version:
    """The strategies that differ between the major versions of ELMO."""

    major: int

    def since_2(self, values, otherwise=NOTHING):
        return values if self.major == 2 else otherwise

    @property
    def countries(self):
        types = self.since_2(st.sampled_from(["ISO", "URI"]))
        return of(elmo.CountryCode, value=COUNTRIES, type=types)

    @property
    def instances(self):
        levels = NOTHING if self.major == 2 else maybe(st.sampled_from(["Bachelor", "PhD"]))
        return of(
            elmo.LearningOpportunityInstance,
            identifiers=some(IDENTIFIERS),
            start=maybe(made.DAYS),
            result_date=maybe(made.DAYS),
            academic_term=maybe(TERMS),
            duration=self.since_2(st.sampled_from([None, "P6M", "P1Y2M3DT4H5M6.5S"])),
            status=maybe(st.sampled_from(elmo.ResultStatus)),
            grading_scheme_local_id=maybe(TOKENS),
            grading_scheme_external_id=self.since_2(maybe(TOKENS)),
            result_label=maybe(TOKENS),
            shortened_grading=maybe(PERCENTAGES),
            result_distribution=maybe(DISTRIBUTIONS),
            credits=some(of(elmo.Credit, scheme=TOKENS, value=maybe(made.NUMBERS), level=levels)),
            levels=some(LEVELS),
            language_of_instruction=maybe(made.LANGUAGES),
            engagement_hours=maybe(made.NUMBERS),
            attachment_refs=REFS,
            grouping=maybe(GROUPINGS),
        )

    @property
    def courses(self):
        return self.courses_with(
            some(self.courses_with(some(self.courses_with(NONE_OF_IT), most=1)))
        )

    def courses_with(self, parts):
        return of(
            elmo.LearningOpportunitySpecification,
            identifiers=some(IDENTIFIERS, least=1),
            titles=some(LINES, least=1),
            type=maybe(st.sampled_from(["Module", "Class"])),
            subject_area=maybe(TOKENS),
            isced_code=maybe(st.just("0532")),
            url=maybe(made.URLS),
            descriptions=some(TEXTS),
            html_descriptions=some(TEXTS),
            document_type=self.since_2(st.sampled_from([None, "Diploma"])),
            instance=self.instances,
            parts=parts,
        )

    @property
    def recognitions(self):
        return of(
            elmo.ResultOfRecognition,
            identifiers=some(IDENTIFIERS),
            titles=some(LINES),
            descriptions=some(TEXTS),
            subject_area=maybe(TOKENS),
            isced_code=maybe(TOKENS),
            status=st.sampled_from(["Positive", "Negative", "Partially Positive"]),
            decision_date=maybe(made.DAYS),
            results=some(self.courses_with(NONE_OF_IT), most=1),
            mappings=some(of(elmo.RecognitionMapping, from_refs=REFS, to_refs=REFS)),
            attachment_refs=REFS,
        )

    @property
    def reports(self):
        issuers = of(
            elmo.Issuer,
            identifiers=some(IDENTIFIERS, least=1),
            titles=some(LINES, least=1),
            url=made.URLS,
            country=maybe(self.countries),
        )
        statuses = of(
            elmo.ReportStatus, code=st.sampled_from(elmo.ReportCode), messages=some(TEXTS)
        )
        return of(
            elmo.Report,
            issuer=issuers,
            courses=some(self.courses),
            recognitions=self.since_2(some(self.recognitions, most=1), NONE_OF_IT),
            issue_date=made.MOMENTS,
            grading_schemes=some(of(elmo.GradingScheme, local_id=TOKENS, descriptions=some(TEXTS))),
            status=self.since_2(maybe(statuses)),
            attachments=some(ATTACHMENTS),
        )

    @property
    def learners(self):
        return of(
            elmo.Learner,
            identifiers=some(IDENTIFIERS),
            given_names=TOKENS,
            family_name=TOKENS,
            alternative_name=self.since_2(TEXTS),
            date_of_birth=maybe(made.DAYS),
            citizenship=maybe(self.countries),
            place_of_birth=maybe(TOKENS),
            country_of_birth=self.since_2(maybe(self.countries)),
            birth_name=maybe(TOKENS),
            current_address=maybe(ADDRESSES),
            gender=maybe(st.sampled_from([0, 1, 2, 9])),
        )

    @property
    def groups(self):
        titles = some(LINES, least=1, most=self.major)
        group = of(elmo.Group, id=made.IDS, sorting_key=maybe(made.IDS), titles=titles)
        return some(of(elmo.GroupType, id=made.IDS, titles=titles, groups=some(group)))

    @property
    def transcripts(self):
        return of(
            elmo.Elmo,
            generated_date=made.MOMENTS,
            learner=self.learners,
            reports=some(self.reports, least=1, most=1),
            attachments=some(ATTACHMENTS, most=1),
            groups=self.groups,
        )


def elmos(major):
    return Version(major).transcripts


def tors(major):
    return some(
        of(
            imobility_tors.Tor,
            omobility_id=made.IDS,
            receiving_academic_year_id=made.YEARS if major >= 3 else NOTHING,
            elmo=elmos(2 if major >= 3 else 1),
            grade_conversion=CONVERSIONS,
        ),
        most=1,
    )


def readable(value):
    """The same, each file that could not be read replaced by a small one: for writing it."""
    match value:
        case elmo.AttachedFile(data=None):
            return elmo.AttachedFile(media_type="application/pdf", data=b"%PDF")
        case tuple():
            return tuple(map(readable, value))
        case msgspec.Struct():
            names = value.__struct_fields__
            return type(value)(**{name: readable(getattr(value, name)) for name in names})
        case _:
            return value
