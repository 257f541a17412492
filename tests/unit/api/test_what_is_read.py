"""What a document will want of the student is known before it is run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type, parse
from graphql.language import DocumentNode

from erasmus_app.api.limits import OF_RECORDS, Inspection
from erasmus_app.api.schema import schema
from erasmus_app.glance import Wanted

OPERATIONS = Path(__file__).parents[3] / "graphql" / "operations"
GRAPHQL = schema._schema

IN_BRIEF = {
    "Mobility.id",
    "Mobility.version",
    "Mobility.direction",
    "Mobility.sendingInstitution",
    "Mobility.receivingInstitution",
    "Mobility.state",
    "Mobility.whoseMove",
    "Mobility.learningAgreement",
    "WhoseMove.party",
    "WhoseMove.step",
    "WhoseMove.institution",
    "WhoseMove.since",
    "WhoseMove.waitingDays",
    "WhoseMove.contact",
    "LearningAgreement.state",
}
TO = {
    "Mobility": "{}",
    "WhoseMove": "whoseMove {{ {} }}",
    "LearningAgreement": "learningAgreement {{ {} }}",
}


def wanted(document: DocumentNode) -> Wanted:
    return Inspection(GRAPHQL)(document).wanted


def fields() -> Iterator[tuple[str, str]]:
    for name in sorted(OF_RECORDS):
        kind = GRAPHQL.type_map[name]
        assert isinstance(kind, GraphQLObjectType)
        for field, found in kind.fields.items():
            below = "" if is_leaf_type(get_named_type(found.type)) else " { __typename }"
            yield f"{name}.{field}", TO[name].format(field + below)


@pytest.mark.parametrize(("field", "selection"), list(fields()))
def test_a_record_is_read_for_every_field_that_a_brief_does_not_do_for(field: str, selection: str):
    document = parse(f"{{ me {{ mobilities {{ id {selection} }} }} }}")

    assert wanted(document) == Wanted(mobilities=True, records=field not in IN_BRIEF)


def test_fragments_are_looked_into_wherever_they_stand():
    document = parse(
        """query A { me { mobilities { ...Here } } }
           fragment Here on Mobility { learningAgreement { ... on LearningAgreement { ...There } } }
           fragment There on LearningAgreement { state plannedStart }"""
    )

    assert wanted(document) == Wanted(mobilities=True, records=True)


def test_the_first_screen_wants_no_records():
    document = parse((OPERATIONS / "home.graphql").read_text(encoding="utf-8"))

    assert wanted(document) == Wanted(mobilities=True, records=False, unread=True, inbox=4)
