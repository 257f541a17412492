"""Documents, steps, ends and terms, where words alone would mislead."""

from datetime import date

from erasmus_app.chat.slots import Document, End, FoundTerm, Slots, find_slots
from erasmus_app.institutions.models import Term
from erasmus_app.mobilities.steps import StepCode

TODAY = date(2026, 11, 26)
LA = (Document.LEARNING_AGREEMENT,)


def slots(question: str, language: str = "en", today: date = TODAY) -> Slots:
    return find_slots(question, language, today=today, partners={})


def test_short_names_are_documents_only_where_they_are_no_words():
    asked = {
        ("en", "Is my LA ok?"): LA,
        ("en", "my la is stuck"): LA,
        ("en", "I study at La Rochelle"): (),
        ("es", "Han rechazado mi LA"): LA,
        ("es", "¿la carta?"): (),
        ("es", "¿DÓNDE ESTÁ LA CARTA?"): (),
        ("es", "Hola, ¿y mi OLA?"): LA,
        ("pt", "Olá"): (),
        ("nb", "la oss se"): (),
        ("nb", "Ola spør"): (),
        ("nb", "hvor er OLAen, altså OLA?"): LA,
        ("de", "das Tor"): (),
        ("de", "mein ToR"): (Document.TRANSCRIPT,),
        ("de", "mein Learning-Agreement"): LA,
        ("en", "my ESC"): (Document.EUROPEAN_STUDENT_CARD,),
        ("en", "press esc to escape"): (),
    }
    assert {(each, asks): slots(asks, each).documents for each, asks in asked} == asked


def test_steps_of_the_agreement_need_it_to_be_named():
    asked = {
        "who signs it?": (),
        "who signs my LA?": (StepCode.LA_SIGNED,),
        "change my learning agreement": (StepCode.LA_CHANGED,),
        "I sent my LA": (StepCode.LA_SENT,),
        "who signs the certificate of arrival?": (StepCode.ARRIVED,),
        "are my courses recognised?": (StepCode.RECOGNISED,),
        "my LA": (),
        "the transcript": (StepCode.TRANSCRIPT,),
    }
    assert {each: slots(each).steps for each in asked} == asked


def test_both_ends_come_in_the_order_of_the_question():
    assert slots("Has the host written to my university?").ends == (End.HOST, End.HOME)


def test_terms_with_their_years():
    asked = {
        "autumn": FoundTerm(text="autumn", term=Term.AUTUMN),
        "autumn 2027": FoundTerm(text="autumn 2027", term=Term.AUTUMN, year="2027/2028"),
        "fall 2027": FoundTerm(text="fall 2027", term=Term.AUTUMN, year="2027/2028"),
        "spring 2027": FoundTerm(text="spring 2027", term=Term.SPRING, year="2026/2027"),
        "spring term 2026/27": FoundTerm(
            text="spring term 2026/27", term=Term.SPRING, year="2026/2027"
        ),
    }
    assert {each: slots(each).terms for each in asked} == {key: (asked[key],) for key in asked}
    assert slots("I fall ill, he falls").terms == ()


def test_the_next_term_follows_from_today():
    def told(question: str, today: date) -> list[tuple[Term, str | None]]:
        return [(each.term, each.year) for each in slots(question, today=today).terms]

    asked = "last semester, this semester, next semester"
    assert told(asked, date(2026, 11, 26)) == [
        (Term.SPRING, "2025/2026"),
        (Term.AUTUMN, "2026/2027"),
        (Term.SPRING, "2026/2027"),
    ]
    assert told(asked, date(2027, 1, 31))[1:] == told(asked, date(2026, 11, 26))[1:]
    assert told(asked, date(2027, 2, 1))[1:] == [
        (Term.SPRING, "2026/2027"),
        (Term.AUTUMN, "2027/2028"),
    ]
    assert slots("next academic year", today=date(2027, 7, 31)).years == ("2027/2028",)
    assert slots("next academic year", today=date(2027, 8, 1)).years == ("2028/2029",)
