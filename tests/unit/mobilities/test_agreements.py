from decimal import Decimal

import pytest
from factories import (
    a_course,
    a_mobility,
    a_nomination,
    a_proposal,
    a_version,
    an_agreement,
    sourced,
)

from erasmus_app.mobilities.agreements import (
    ABROAD,
    AgreementKind,
    AgreementState,
    agreement_kind,
    agreement_state,
    credits_of,
    effective_components,
    is_signed,
    recognition_is_automatic,
)
from erasmus_app.mobilities.models import Api, ComponentChange, ComponentList, Credit

IN, OUT = {"change": ComponentChange.INSERTED}, {"change": ComponentChange.DELETED}
VERSION, CHANGE = a_version(), a_proposal("c-2")
S = AgreementState


@pytest.mark.parametrize(
    ("agreement", "stands", "signed"),
    [
        (an_agreement(), S.NOT_SHARED, False),
        (an_agreement(proposal=CHANGE), S.AWAITING_RECEIVING, False),
        (an_agreement(first=VERSION), S.SIGNED, True),
        (an_agreement(first=VERSION, proposal=CHANGE), S.CHANGE_AWAITING_RECEIVING, True),
        (an_agreement(first=VERSION, approved=VERSION), S.CHANGED_SIGNED, True),
        (
            an_agreement(first=VERSION, approved=VERSION, proposal=CHANGE),
            S.CHANGE_AWAITING_RECEIVING,
            True,
        ),
    ],
)
def test_where_an_agreement_stands(agreement, stands, signed):
    assert agreement_state(a_mobility(agreement)) is stands
    assert is_signed(agreement) is signed


def test_an_agreement_that_is_gone_was_sent_back_and_one_never_seen_is_not_shared():
    gone = a_mobility(sourced(None, Api.OMOBILITY_LAS))

    assert agreement_state(gone) is S.RETURNED_OR_WITHDRAWN
    assert agreement_state(a_mobility(a_nomination())) is S.NOT_SHARED
    assert is_signed(None) is False


LOGIC, SETS = a_course("Logic"), a_course("Sets")
CASES = {
    "nothing yet": (an_agreement(), ()),
    "a proposal before all have signed": (an_agreement(proposal=a_proposal("c", LOGIC)), (LOGIC,)),
    "the first version": (an_agreement(first=a_version(LOGIC, SETS)), (LOGIC, SETS)),
    "a proposed change is not in force": (
        an_agreement(first=a_version(LOGIC), proposal=a_proposal("c", a_course("Logic", **OUT))),
        (LOGIC,),
    ),
    "one out, one in": (
        an_agreement(
            first=a_version(LOGIC, SETS),
            approved=a_version(a_course("Logic", **OUT), a_course("Models", **IN)),
        ),
        (SETS, a_course("Models", **IN)),
    ),
    "approved changes hold the whole difference, a proposal adds nothing": (
        an_agreement(
            first=a_version(LOGIC, SETS),
            approved=a_version(a_course("Logic", **OUT)),
            proposal=a_proposal("c", a_course("Logic", **OUT), a_course("Sets", **OUT)),
        ),
        (SETS,),
    ),
    "the LOS id says which, whatever the title": (
        an_agreement(
            first=a_version(a_course("Logic", los_id="CR/1"), a_course("Logic", los_id="CR/2")),
            approved=a_version(a_course("Logic (old)", los_id="CR/1", **OUT)),
        ),
        (a_course("Logic", los_id="CR/2"),),
    ),
    "the code says which where there is no LOS id": (
        an_agreement(
            first=a_version(a_course("Logic", los_code="L1"), a_course("Logic", los_code="L2")),
            approved=a_version(a_course("Logic, part 2", los_code="L2", **OUT)),
        ),
        (a_course("Logic", los_code="L1"),),
    ),
    "the term tells two of one title apart": (
        an_agreement(
            first=a_version(a_course("Seminar", term=(1, 2)), a_course("Seminar", term=(2, 2))),
            approved=a_version(a_course("Seminar", term=(2, 2), **OUT)),
        ),
        (a_course("Seminar", term=(1, 2)),),
    ),
    "of two alike one goes": (
        an_agreement(first=a_version(SETS, SETS), approved=a_version(a_course("Sets", **OUT))),
        (SETS,),
    ),
    "each table by itself": (
        an_agreement(
            first=a_version(LOGIC, a_course("Logic", table=ComponentList.RECOGNIZED)),
            approved=a_version(a_course("Logic", table=ComponentList.RECOGNIZED, **OUT)),
        ),
        (LOGIC,),
    ),
    "what is taken out and was never there": (
        an_agreement(first=a_version(LOGIC), approved=a_version(a_course("Sets", **OUT))),
        (LOGIC,),
    ),
}


@pytest.mark.parametrize(("agreement", "in_force"), CASES.values(), ids=CASES)
def test_what_is_in_force(agreement, in_force):
    assert effective_components(agreement) == in_force


def test_credits_are_summed_per_scheme_and_table():
    local = Credit(scheme="LP", value=Decimal("1.5"))
    ects = Credit(scheme="ECTS", value=Decimal("2.50"))
    components = (
        a_course(ects="5"),
        a_course(credits=(ects, local)),
        a_course(credits=()),
        a_course("Online", "1", ComponentList.VIRTUAL),
        a_course("At home", "30", ComponentList.RECOGNIZED),
    )

    assert credits_of(components, ComponentList.STUDIED) == {
        "ects": Decimal("7.5"),
        "lp": Decimal("1.5"),
    }
    assert credits_of(components, *ABROAD) == {"ects": Decimal("8.5"), "lp": Decimal("1.5")}
    assert credits_of(components, ComponentList.DOCTORAL) == {}


@pytest.mark.parametrize(
    ("tables", "kind"),
    [
        ([ComponentList.STUDIED, ComponentList.RECOGNIZED], AgreementKind.SEMESTER),
        ([ComponentList.STUDIED, ComponentList.VIRTUAL], AgreementKind.SEMESTER),
        ([ComponentList.BLENDED, ComponentList.VIRTUAL], AgreementKind.BLENDED),
        ([ComponentList.DOCTORAL], AgreementKind.DOCTORAL),
        ([ComponentList.DOCTORAL, ComponentList.BLENDED], AgreementKind.DOCTORAL),
    ],
)
def test_the_filled_tables_tell_the_kind_in_a_first_version_and_in_a_proposal(tables, kind):
    components = [a_course(table=table) for table in tables]

    assert agreement_kind(an_agreement(first=a_version(*components))) is kind
    assert agreement_kind(an_agreement(proposal=a_proposal("c", *components))) is kind


def test_recognition_is_automatic_unless_a_component_in_force_has_conditions():
    with_conditions = a_course(
        "Home", table=ComponentList.RECOGNIZED, recognition_conditions="after an exam"
    )
    taken_out = a_version(
        a_course("Home", table=ComponentList.RECOGNIZED, recognition_conditions="", **OUT)
    )

    assert recognition_is_automatic(an_agreement(first=a_version(LOGIC)))
    assert not recognition_is_automatic(an_agreement(first=a_version(LOGIC, with_conditions)))
    assert recognition_is_automatic(
        an_agreement(first=a_version(LOGIC, with_conditions), approved=taken_out)
    )
