"""Which intent is answered by what."""

from collections.abc import Callable, Iterator, Mapping

from erasmus_app.chat.answers import (
    account,
    agreement,
    during,
    elsewhere,
    nomination,
    overview,
    results,
)
from erasmus_app.chat.answers.about import About, Piece, Stay
from erasmus_app.chat.answers.people import contacts, whose_move
from erasmus_app.chat.slots.models import Document, Slots
from erasmus_app.mobilities.steps import StepCode

MOST_LIKELY = 3

OfStay = Callable[[Stay], Iterator[Piece]]
OfAnybody = Callable[[About], Iterator[Piece]]


def contact(stay: Stay) -> Iterator[Piece]:
    """Name the contacts, and who acts next."""
    yield from contacts(stay)
    yield from whose_move(stay, nobody=False)


OF_STAY: Mapping[str, OfStay] = {
    "status_overview": overview.status_overview,
    "deadlines_all": overview.deadlines_all,
    "nomination_status": nomination.nomination_status,
    "nomination_rejected": nomination.nomination_rejected,
    "nomination_deadline": nomination.nomination_deadline,
    "application_deadline": nomination.application_deadline,
    "decision_wait": nomination.decision_wait,
    "requirements_docs": nomination.requirements_docs,
    "language_requirement": nomination.language_requirement,
    "la_fill_help": agreement.la_fill_help,
    "la_status": agreement.la_status,
    "la_rejected": agreement.la_rejected,
    "la_before_deadline": agreement.la_before_deadline,
    "la_change": agreement.la_change,
    "la_change_deadline": agreement.la_change_deadline,
    "la_change_late": agreement.la_change_late,
    "la_contact_wrong": agreement.la_contact_wrong,
    "bip": during.bip,
    "arrival_confirm": during.arrival_confirm,
    "attendance_certificate": during.attendance_certificate,
    "tor_wait": results.tor_wait,
    "recognition": results.recognition,
    "extension": during.extension,
    "early_return": during.early_return,
    "cancel": during.cancel,
    "housing": elsewhere.housing,
    "visa": elsewhere.visa,
    "insurance": elsewhere.insurance,
    "accessibility": elsewhere.accessibility,
    "contact": contact,
    "courses": elsewhere.courses,
    "traineeship": during.traineeship,
}
"""What is answered of one exchange."""

OF_ANYBODY: Mapping[str, OfAnybody] = {
    "grant_first": elsewhere.grant_first,
    "grant_balance": elsewhere.grant_balance,
    "grant_recalc": elsewhere.grant_recalc,
    "grant_topup": elsewhere.grant_topup,
    "report_survey": elsewhere.report_survey,
    "ols_test": elsewhere.ols_test,
    "destinations": elsewhere.destinations,
    "esc_card": elsewhere.esc_card,
    "login": account.login,
    "notifications": account.notifications,
    "privacy": account.privacy,
    "other_person": account.other_person,
    "prompt_injection": account.orders,
    "urgent": account.urgent,
}
"""What is answered alike of every exchange; one that is under way lends its contacts."""

WITHOUT_A_STAY: Mapping[str, OfAnybody] = {
    "la_fill_help": elsewhere.la_fill_help,
    "la_before_deadline": elsewhere.la_before_deadline,
    "la_change": elsewhere.la_change,
    "la_change_deadline": elsewhere.la_change_deadline,
    "la_change_late": elsewhere.la_change_late,
    "la_contact_wrong": elsewhere.la_contact_wrong,
    "bip": elsewhere.bip,
    "arrival_confirm": elsewhere.arrival_confirm,
    "attendance_certificate": elsewhere.attendance_certificate,
    "tor_wait": elsewhere.tor_wait,
    "recognition": elsewhere.recognition,
    "extension": elsewhere.extension,
    "early_return": elsewhere.early_return,
    "cancel": elsewhere.cancel,
    "visa": elsewhere.visa_rule,
    "insurance": elsewhere.insurance_rule,
    "accessibility": elsewhere.accessibility_rule,
    "traineeship": elsewhere.traineeship,
}
"""The programme's rules alone, for whom no exchange is known of."""

REFUSED = frozenset({"other_person", "prompt_injection"})
FIRST = "urgent"  # a person, before anything else
OPEN = "ambiguous"  # asks for nothing by name
OFFERABLE = (OF_STAY.keys() | OF_ANYBODY.keys()) - REFUSED
"""What may stand among choices."""

UNTIL_WHEN: Mapping[str, str] = {
    "nomination_status": "nomination_deadline",
    "requirements_docs": "application_deadline",
    "la_status": "la_before_deadline",
    "la_fill_help": "la_before_deadline",
    "la_rejected": "la_before_deadline",
    "la_change": "la_change_deadline",
    "status_overview": "deadlines_all",
}
"""What «and until when?» means after another question; after others it is the same once more."""

RELATED: Mapping[str, tuple[str, ...]] = {
    "status_overview": (
        "deadlines_all",
        "contact",
    ),
    "deadlines_all": (
        "status_overview",
        "notifications",
    ),
    "nomination_status": (
        "decision_wait",
        "nomination_deadline",
        "status_overview",
    ),
    "nomination_rejected": (
        "nomination_status",
        "contact",
    ),
    "nomination_deadline": (
        "application_deadline",
        "nomination_status",
    ),
    "application_deadline": (
        "requirements_docs",
        "nomination_status",
        "decision_wait",
    ),
    "decision_wait": (
        "nomination_status",
        "application_deadline",
    ),
    "requirements_docs": (
        "application_deadline",
        "language_requirement",
    ),
    "language_requirement": (
        "requirements_docs",
        "ols_test",
    ),
    "la_fill_help": (
        "la_status",
        "la_contact_wrong",
        "courses",
    ),
    "la_status": (
        "la_before_deadline",
        "la_rejected",
        "la_contact_wrong",
    ),
    "la_rejected": (
        "la_status",
        "la_change",
    ),
    "la_before_deadline": (
        "la_status",
        "la_fill_help",
    ),
    "la_change": (
        "la_change_deadline",
        "la_change_late",
        "la_status",
    ),
    "la_change_deadline": (
        "la_change",
        "la_change_late",
    ),
    "la_change_late": (
        "la_change_deadline",
        "la_change",
    ),
    "la_contact_wrong": (
        "la_status",
        "contact",
    ),
    "bip": (
        "la_change",
        "grant_first",
    ),
    "arrival_confirm": (
        "attendance_certificate",
        "grant_first",
    ),
    "attendance_certificate": (
        "arrival_confirm",
        "tor_wait",
        "grant_balance",
    ),
    "tor_wait": (
        "recognition",
        "attendance_certificate",
    ),
    "recognition": (
        "tor_wait",
        "la_status",
    ),
    "grant_first": (
        "grant_balance",
        "grant_topup",
        "arrival_confirm",
    ),
    "grant_balance": (
        "report_survey",
        "grant_first",
        "grant_recalc",
    ),
    "grant_recalc": (
        "early_return",
        "extension",
        "grant_balance",
    ),
    "grant_topup": (
        "grant_first",
        "accessibility",
    ),
    "report_survey": (
        "grant_balance",
        "attendance_certificate",
    ),
    "extension": (
        "grant_recalc",
        "la_change",
    ),
    "early_return": (
        "grant_recalc",
        "cancel",
    ),
    "cancel": (
        "early_return",
        "contact",
    ),
    "ols_test": (
        "language_requirement",
        "contact",
    ),
    "housing": (
        "accessibility",
        "contact",
    ),
    "visa": (
        "insurance",
        "contact",
    ),
    "insurance": (
        "visa",
        "contact",
    ),
    "accessibility": (
        "housing",
        "grant_topup",
    ),
    "contact": (
        "la_contact_wrong",
        "status_overview",
    ),
    "courses": (
        "la_change",
        "la_fill_help",
    ),
    "destinations": (
        "nomination_status",
        "contact",
    ),
    "traineeship": (
        "grant_first",
        "status_overview",
    ),
    "esc_card": (
        "login",
        "privacy",
    ),
    "login": (
        "esc_card",
        "privacy",
    ),
    "notifications": (
        "deadlines_all",
        "privacy",
    ),
    "privacy": (
        "notifications",
        "login",
    ),
    # A name alone does not say whose question it is: «has Mrs Keller signed?» is about one's own.
    "other_person": (
        "la_status",
        "nomination_status",
        "contact",
    ),
    FIRST: (
        "contact",
        "accessibility",
        "insurance",
        "la_change",
    ),
}
"""What stands beside an answer to tap, as what was asked may have been meant so."""

OF_DOCUMENT: Mapping[Document, str] = {
    Document.LEARNING_AGREEMENT: "la_before_deadline",
    Document.TRANSCRIPT: "tor_wait",
    Document.NOMINATION: "nomination_deadline",
    Document.ACCEPTANCE_LETTER: "decision_wait",
    Document.CERTIFICATE_OF_ARRIVAL: "arrival_confirm",
    Document.CERTIFICATE_OF_ATTENDANCE: "attendance_certificate",
    Document.TRAINEESHIP_CERTIFICATE: "traineeship",
    Document.GRANT_AGREEMENT: "grant_first",
    Document.PARTICIPANT_REPORT: "report_survey",
    Document.EUROPEAN_STUDENT_CARD: "esc_card",
}
"""What somebody means who asks until when and names a paper alone."""

OF_STEP: Mapping[StepCode, str] = {
    StepCode.NOMINATED: "nomination_status",
    StepCode.ACCEPTED: "decision_wait",
    StepCode.LA_SENT: "la_status",
    StepCode.LA_SIGNED: "la_status",
    StepCode.LA_CHANGED: "la_change",
    StepCode.ARRIVED: "arrival_confirm",
    StepCode.DEPARTED: "attendance_certificate",
    StepCode.TRANSCRIPT: "tor_wait",
    StepCode.RECOGNISED: "recognition",
}
"""What somebody may mean who names a step, and nothing that was understood."""


def likely(slots: Slots) -> tuple[str, ...]:
    """Return what a question that was not understood may be about, by the words that it names."""
    found = [OF_DOCUMENT[each] for each in slots.documents if each in OF_DOCUMENT]
    found += [OF_STEP[each] for each in slots.steps]
    return tuple(dict.fromkeys(found))[:MOST_LIKELY]
