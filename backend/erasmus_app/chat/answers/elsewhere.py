"""What travels between no universities: money, the report, and life at the host's place.

Here are the programme's rules, what the host publishes, and whom to ask; never a date of ours.
Each of these can also be answered where no exchange is known.
"""

from collections.abc import Callable, Iterator

from erasmus_app.chat.answers.about import NEW_LINE, About, Piece, Stay
from erasmus_app.chat.answers.links import information, pages
from erasmus_app.chat.answers.origins import of_fact, of_factsheet, of_page, of_programme
from erasmus_app.chat.answers.overview import planned
from erasmus_app.chat.answers.people import HOME, HOST, contact
from erasmus_app.chat.models import SourceKind
from erasmus_app.institutions.models import Factsheet, Information
from erasmus_app.mobilities.agreements import ABROAD, credits_of, effective_components
from erasmus_app.mobilities.stays import agreement_of

Rule = Callable[[About], Iterator[Piece]]


def _rule(*sentences: str) -> Rule:
    """Make an answer of the programme's rules, with home's contact."""

    def answer(about: About) -> Iterator[Piece]:
        for each in sentences:
            yield about.say(each)
        yield of_programme(about)
        yield NEW_LINE
        if isinstance(about, Stay):
            yield from planned(about)
            yield from of_fact(about, about.mobility.agreement or about.mobility.nomination)
            yield about.say("next.ask_home", hei=about.home)
            yield from contact(about, HOME)
        else:
            yield about.say("next.ask_your_home")

    return answer


grant_first = _rule("grant.unseen", "grant.first")
grant_balance = _rule("grant.balance", "grant.report", "grant.unseen")
grant_recalc = _rule("grant.recalc", "grant.unseen")
grant_topup = _rule("grant.topup", "grant.unseen")
report_survey = _rule("grant.report", "grant.balance")
ols_test = _rule("life.ols")
esc_card = _rule("app.card")
early_return = _rule("stay.early", "grant.recalc")
cancel = _rule("stay.cancel")
extension = _rule("stay.extension_rule", "stay.length")
la_fill_help = _rule(
    "agreement.where",
    "agreement.tables",
    "agreement.isced",
    "agreement.persons",
    "agreement.before_stay",
)
la_before_deadline = _rule("agreement.before_stay")
la_change = _rule("agreement.change_how", "agreement.change_rule")
la_change_deadline = _rule("agreement.change_rule")
la_change_late = _rule("agreement.change_late", "agreement.change_rule")
la_contact_wrong = _rule("agreement.wrong_contact")
bip = _rule("stay.bip", "stay.bip_changes")
arrival_confirm = _rule("stay.arrival_paper")
attendance_certificate = _rule("stay.certificate", "stay.certificate_early")
recognition = _rule("results.recognition_rule")
tor_wait = _rule("results.transcript_rule")
traineeship = _rule("stay.traineeship", "stay.traineeship_end")
destinations = _rule("life.destinations")
visa_rule = _rule("life.visa")
insurance_rule = _rule("life.insurance")
accessibility_rule = _rule("life.accessibility")


def housing(stay: Stay) -> Iterator[Piece]:
    """Say what the host publishes about rooms."""
    yield from _published(stay, "housing", lambda value: value.housing)


def visa(stay: Stay) -> Iterator[Piece]:
    """Say what the host publishes about visas, and who decides."""
    yield from _published(stay, "visa", lambda value: value.visa)
    yield stay.say("life.visa")


def insurance(stay: Stay) -> Iterator[Piece]:
    """Say what the host publishes about insurance, and what the European card does."""
    yield from _published(stay, "insurance", lambda value: value.insurance)
    yield stay.say("life.insurance")
    yield of_programme(stay)
    yield from contact(stay, HOME)


def accessibility(stay: Stay) -> Iterator[Piece]:
    """Say what help the host publishes, and that nothing of it need be told here."""
    factsheet = _factsheet(stay)
    offers = factsheet.accessibility if factsheet else ()
    yield from _said(stay, "accessibility", published=bool(offers))
    for each in offers:
        yield from information(stay, "intents.accessibility", each.information)
    yield NEW_LINE
    yield stay.say("life.accessibility")
    yield from contact(stay, HOST)
    yield from contact(stay, HOME)


def courses(stay: Stay) -> Iterator[Piece]:
    """Say where the host's courses are listed, and what the agreement has."""
    host = stay.of.host.value if stay.of.host else None
    catalogues = host.course_catalogues if host else ()
    topic = stay.say("intents.courses")
    word = "published" if catalogues else "not_published"
    yield stay.say(f"life.{word}", what=topic, hei=stay.host)
    yield from pages(stay, topic, catalogues)
    if not catalogues and host is not None:
        yield from pages(stay, stay.say("links.website"), host.websites)
    yield of_page(stay, SourceKind.INSTITUTION, stay.mobility.receiving_hei_id, stay.of.host)
    agreement = agreement_of(stay.mobility)
    if agreement is not None:
        there = [each for each in effective_components(agreement) if each.table in ABROAD]
        ects = credits_of(there, *ABROAD).get("ects")
        yield NEW_LINE
        if there and ects is not None:
            said = stay.voice.number(ects)
            yield stay.say("agreement.content_credits", courses=len(there), credits=said)
        elif there:
            yield stay.say("agreement.content", courses=len(there))
        yield from of_fact(stay, stay.mobility.agreement)
    yield NEW_LINE
    yield from contact(stay, HOST)


def _published(
    stay: Stay, topic: str, pick: Callable[[Factsheet], Information | None]
) -> Iterator[Piece]:
    factsheet = _factsheet(stay)
    known = pick(factsheet) if factsheet else None
    yield from _said(stay, topic, published=known is not None)
    yield from information(stay, f"intents.{topic}", known)
    yield NEW_LINE
    if known is None:
        yield stay.say("next.ask_host", hei=stay.host)
    yield from contact(stay, HOST)


def _said(stay: Stay, topic: str, *, published: bool) -> Iterator[Piece]:
    word = "published" if published else "not_published"
    yield stay.say(f"life.{word}", what=stay.say(f"intents.{topic}"), hei=stay.host)
    yield of_factsheet(stay)


def _factsheet(stay: Stay) -> Factsheet | None:
    return stay.of.factsheet.value if stay.of.factsheet else None
