"""What changed between two versions of an agreement, component by component."""

from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from factories import a_course, a_proposal, a_version, an_agreement
from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.mobilities.agreement_changes import (
    AgreementChange,
    ChangeKind,
    changes,
    proposed_changes,
    signed_changes,
)
from erasmus_app.mobilities.agreements import with_changes
from erasmus_app.mobilities.models import Component, ComponentChange, Credit

LOGIC, SETS, RINGS = a_course("Logic"), a_course("Sets"), a_course("Rings")
MORE = msgspec.structs.replace(LOGIC, credits=(Credit(scheme="ects", value=Decimal(9)),))


def out(component: Component, **more: str) -> Component:
    return msgspec.structs.replace(component, change=ComponentChange.DELETED, **more)


def into(component: Component, **more: str) -> Component:
    return msgspec.structs.replace(component, change=ComponentChange.INSERTED, **more)


SUBSTITUTE = into(RINGS, reason_code="substituting-deleted")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((), []),
        ((into(RINGS),), [(ChangeKind.ADDED, None, "Rings", None)]),
        ((out(LOGIC),), [(ChangeKind.REMOVED, "Logic", None, None)]),
        (
            (out(LOGIC, reason_code="timetable-conflict"),),
            [(ChangeKind.REMOVED, "Logic", None, "timetable-conflict")],
        ),
        ((out(LOGIC), into(MORE)), [(ChangeKind.CHANGED, "Logic", "Logic", None)]),
        (
            (out(LOGIC, reason_code="not-available"), SUBSTITUTE),
            [(ChangeKind.REPLACED, "Logic", "Rings", "not-available")],
        ),
        (
            (out(LOGIC), out(SETS), SUBSTITUTE),
            [
                (ChangeKind.REPLACED, "Logic", "Rings", "substituting-deleted"),
                (ChangeKind.REMOVED, "Sets", None, None),
            ],
        ),
        (
            (out(LOGIC), into(RINGS)),
            [
                (ChangeKind.REMOVED, "Logic", None, None),
                (ChangeKind.ADDED, None, "Rings", None),
            ],
        ),
    ],
    ids=[
        *("nothing", "added", "removed", "removed for a reason", "other credits"),
        *("replaced", "one of two replaced", "no word that one stands for the other"),
    ],
)
def test_what_went_and_what_came_are_paired_where_that_is_told(said, expected):
    agreement = an_agreement(first=a_version(LOGIC, SETS), approved=a_version(*said))

    assert [
        (
            each.kind,
            each.before and each.before.title,
            each.after and each.after.title,
            each.reason_code,
        )
        for each in signed_changes(agreement)
    ] == expected


def test_a_proposal_is_compared_with_what_is_in_force_and_not_with_the_first_version():
    agreement = an_agreement(
        first=a_version(LOGIC),
        approved=a_version(out(LOGIC), into(SETS)),
        proposal=a_proposal("c-2", out(LOGIC), into(SETS), into(RINGS)),
    )

    assert proposed_changes(agreement) == (
        AgreementChange(kind=ChangeKind.ADDED, after=into(RINGS)),
    )


def test_a_first_version_changes_nothing():
    assert proposed_changes(an_agreement(proposal=a_proposal("c-1", LOGIC))) == ()
    assert signed_changes(an_agreement(first=a_version(LOGIC))) == ()


COURSES = st.builds(
    a_course,
    st.sampled_from(["Logic", "Sets", "Rings"]),
    credits=st.sampled_from([(), (Credit(scheme="ects", value=Decimal(6)),)]),
)


@given(st.lists(COURSES, max_size=6), st.lists(COURSES, max_size=6), st.data())
def test_what_went_and_came_makes_the_new_list_of_the_old_one(first, inserted, data):
    deleted = [each for each in first if data.draw(st.booleans())]
    said = a_version(*map(out, deleted), *map(into, inserted))
    after = with_changes(first, said)

    found = changes(first, after, said)

    made = Counter(map(bare, first))
    for each in found:
        made.subtract([bare(each.before)] if each.before else [])
        made.update([bare(each.after)] if each.after else [])
    assert +made == Counter(map(bare, after))
    assert min(made.values(), default=0) >= 0


def bare(component: Component) -> Component:
    return msgspec.structs.replace(component, change=None)
