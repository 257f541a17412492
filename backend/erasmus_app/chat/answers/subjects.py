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
