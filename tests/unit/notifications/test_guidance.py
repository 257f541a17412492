"""What the app says beside each step, in each language."""

import shutil
from pathlib import Path

import pytest
from factories import (
    AT,
    LINDENTAL,
    RIBEIRA,
    TODAY,
    a_contact,
    a_course,
    a_mobility,
    a_nomination,
    a_proposal,
    a_result,
    a_version,
    an_agreement,
    an_old_nomination,
    later,
    sourced,
)
from msgspec.structs import replace

from erasmus_app.errors import SettingsInvalid
from erasmus_app.mobilities.agreement_changes import AgreementChange, ChangeKind
from erasmus_app.mobilities.kinds import ActivityAttributes, ActivityType, StayKind
from erasmus_app.mobilities.models import (
    Api,
    NominationStatus,
    Reception,
    ReceptionStatus,
    Returned,
    SentBack,
)
from erasmus_app.mobilities.recognition import Line, MatchedBy
from erasmus_app.mobilities.steps import Party, StepCode, WhoseMove, whose_move
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.notifications.guidance import NudgeText, load_guidance, waiting_days

LANGUAGES = load_catalogue(catalogue_folder()).languages
NAMES = {RIBEIRA: "Ribeira", LINDENTAL: "Lindental"}
GUIDANCE = load_guidance(catalogue_folder(), LANGUAGES, lambda hei, _language: NAMES[hei])
NOMINATED = "Ribeira has nominated you."
WAITING = WhoseMove(
    party=Party.RECEIVING_HEI,
    step=StepCode.LA_SIGNED,
    hei_id=LINDENTAL,
    since=AT,
    contact=a_contact(),
)


def test_a_nudge_says_who_asks_whom_for_what_and_since_when_and_no_more():
    assert GUIDANCE.nudge(a_mobility(), WAITING, "en-IE") == NudgeText(
        subject="Ribeira → Lindental: Learning agreement signed by all three (rib-2027-1)",
        body="Dear Greta Baum,\n\n"
        "My learning agreement for the stay at Lindental still needs your signature. "
        "As far as I can see, this has been waiting since 2 November 2026.\n\n"
        "Could you tell me how it stands, and whether you need anything from me? "
        "Thank you very much.",
        language="en",
    )


@pytest.mark.parametrize("language", sorted(GUIDANCE.words))
def test_whoever_has_to_act_can_be_written_to_in_each_language(language: str):
    for step in GUIDANCE.words["en"].nudge.asks:
        move = WhoseMove(party=Party.SENDING_HEI, step=step, hei_id=RIBEIRA)
        found = GUIDANCE.nudge(a_mobility(), move, language)
        assert found is not None
        assert found.language == language
        assert "{" not in found.subject + found.body


@pytest.mark.parametrize("party", [Party.STUDENT, Party.NOBODY])
def test_nobody_is_written_to_where_no_university_has_to_act(party: Party):
    assert GUIDANCE.nudge(a_mobility(), WhoseMove(party=party, step=StepCode.LA_SENT), "en") is None


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ([a_nomination()], f"{NOMINATED} Lindental has it and has not decided yet."),
        (
            [an_old_nomination()],
            f"{NOMINATED} Lindental has not confirmed that it received the nomination.",
        ),
        (
            [an_old_nomination(), Reception(status=ReceptionStatus.VERIFIED)],
            "Lindental has accepted your nomination.",
        ),
        (
            [a_nomination(status=NominationStatus.CANCELLED)],
            "Ribeira has cancelled this mobility.",
        ),
        (
            [an_old_nomination(status=NominationStatus.LIVE)],
            "Ribeira says that the formalities are done.",
        ),
        (
            [an_old_nomination(status=NominationStatus.RECOGNIZED)],
            "Ribeira says that the stay was recognised.",
        ),
        ([an_agreement(proposal=a_proposal())], None),
    ],
    ids=["new", "old", "accepted", "cancelled", "live", "recognised", "none"],
)
def test_how_a_nomination_stands_is_said_alike_for_both_generations(facts, said):
    assert GUIDANCE.nomination(a_mobility(*facts), "en") == said


def test_what_a_partner_does_not_do_digitally_is_said_with_what_to_do_instead():
    assert GUIDANCE.digital(Api.IMOBILITY_TORS, LINDENTAL, "de", served=False) == (
        "Lindental schickt Transcripts nicht digital. Bitte vor der Abreise um das Dokument."
    )
    assert GUIDANCE.digital(Api.IMOBILITY_TORS, LINDENTAL, "en", served=True) == (
        "Lindental shares transcripts of records."
    )


def test_a_change_is_a_sentence_with_the_reason_where_ewp_has_a_word_for_it():
    swap = AgreementChange(
        kind=ChangeKind.REPLACED,
        before=a_course("Logic"),
        after=a_course("Rings"),
        reason_code="not-available",
    )
    strange = AgreementChange(
        kind=ChangeKind.REMOVED, before=a_course("Sets"), reason_code="because"
    )

    assert GUIDANCE.change(swap, "en") == "Rings replaces Logic. The course is not offered."
    assert GUIDANCE.change(strange, "pt") == "Sets é retirado."


@pytest.mark.parametrize(
    ("what", "comment", "says"),
    [
        (
            Returned.FIRST_VERSION,
            None,
            (
                "The agreement was sent back or withdrawn. What Lindental wrote about it, if "
                "anything, is in the system of Ribeira: read it there or ask there, edit the "
                "agreement and sign again."
            ),
        ),
        (
            Returned.FIRST_VERSION,
            "No.",
            (
                "Lindental asks for changes. Read its comment, edit the agreement in the system of "
                "Ribeira, and sign again."
            ),
        ),
        (
            Returned.IN_FORCE,
            None,
            (
                "All three had signed the agreement, and Ribeira does not show it any more. Ask "
                "there why."
            ),
        ),
    ],
)
def test_what_came_back_says_where_the_reason_is_to_be_found(what, comment, says):
    gone = a_mobility(sourced(None, Api.OMOBILITY_LAS))
    known = replace(gone, sent_back=SentBack(what=what, at=AT, comment=comment))

    assert GUIDANCE.sent_back(known, "en") == says
    assert GUIDANCE.sent_back(a_mobility(), "en") is None


def test_of_a_change_that_came_back_it_is_said_that_the_agreement_before_it_holds():
    known = replace(a_mobility(an_agreement(first=a_version())), change_returned_at=AT)
    told = replace(known, sent_back=SentBack(what=Returned.CHANGES, at=AT, comment="No."))

    assert GUIDANCE.sent_back(told, "de") == (
        "Lindental hat der Änderung nicht zugestimmt; die Fassung davor gilt weiter. Lies den "
        "Kommentar, bearbeite die Änderung im System von Ribeira und unterschreibe neu."
    )
    assert GUIDANCE.sent_back(known, "pt") == (
        "A alteração não foi aceite ou foi retirada; continua em vigor o agreement anterior. O que "
        "Lindental escreveu sobre isso, se escreveu, está no sistema de Ribeira: lê ou pergunta lá."
    )


@pytest.mark.parametrize(
    ("activity", "attributes", "names"),
    [
        ("student-studies", "long-term", ["Studies, long-term", "Studium, langfristig"]),
        ("student-traineeships", None, ["Traineeship", "Praktikum"]),
        (
            None,
            "short-term-doctoral",
            ["Mobility, short-term, doctoral", "Mobilität, kurzzeitig, Promotion"],
        ),
        (None, None, ["Mobility", "Mobilität"]),
    ],
)
def test_a_kind_of_stay_has_its_name(activity, attributes, names):
    kind = StayKind(
        activity=ActivityType(activity) if activity else None,
        attributes=ActivityAttributes(attributes) if attributes else None,
    )

    for language, name in zip(("en-GB", "de"), names, strict=True):
        assert GUIDANCE.stay(kind, language) == name
    assert GUIDANCE.stay(StayKind(activity=ActivityType.STUDENT_TRAINEESHIPS), "pt") == "Estágio"


def test_how_a_line_was_found_is_said_and_that_nobody_can_tell_which_is_meant():
    title = Line(component=a_course(), results=(a_result(),), matched_by=MatchedBy.TITLE)
    twice = Line(component=a_course(), results=(a_result(),) * 2, matched_by=MatchedBy.LOS_CODE)
    alone = Line(component=a_course(), sharing=2)

    assert GUIDANCE.match(title, "pt-BR", is_there=True) == (
        "Encontrada só pelo título. Confirma que é a mesma disciplina."
    )
    assert GUIDANCE.match(twice, "en", is_there=True) == (
        "Found by the course's code. That is true of several: which one is meant is not known."
    )
    assert GUIDANCE.match(alone, "de", is_there=True) == (
        "Das Transcript zeigt keinen Kurs mit dieser Kennung, diesem Kürzel oder Titel."
    )
    assert GUIDANCE.match(alone, "de", is_there=False) == "Es gibt noch kein Transcript."


def test_days_of_waiting_are_whole_and_never_less_than_none():
    assert waiting_days(WAITING, TODAY) == 0
    assert waiting_days(WAITING, later(days=15).date()) == 15
    assert waiting_days(WhoseMove(party=Party.NOBODY), TODAY) is None


def test_every_move_that_there_is_has_its_words():
    asks, can_do = GUIDANCE.words["en"].nudge.asks, GUIDANCE.words["en"].can_do
    for facts in (
        [a_nomination()],
        [an_agreement(proposal=a_proposal())],
        [sourced(None, Api.OMOBILITY_LAS)],
        [a_nomination(status=NominationStatus.REJECTED)],
        [a_nomination(status=NominationStatus.APPROVED)],
    ):
        move = whose_move(a_mobility(*facts), TODAY)
        assert move.step is not None
        assert move.party is Party.STUDENT or move.step in asks
        assert move.step in can_do[move.party]


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ('arrived = "Ankunft"\n', "", "lacks: arrived"),
        ("{sending} hat dich", "{somebody} hat dich", r"nomination\..*: has \['receiving', 'some"),
        ("{before}.", "nichts.", "changes.replaced: not as in English"),
        ("[steps]", "[stairs]", "guidance/de.toml"),
    ],
    ids=["lacks one", "a strange hole", "a hole too few", "a strange table"],
)
def test_words_that_do_not_fit_stop_the_start(tmp_path: Path, was: str, becomes: str, says: str):
    folder = tmp_path / "notifications"
    shutil.copytree(catalogue_folder(), folder)
    path = folder / "guidance" / "de.toml"
    text = path.read_text(encoding="utf-8")
    assert was in text
    path.write_text(text.replace(was, becomes), encoding="utf-8")

    with pytest.raises(SettingsInvalid, match=says):
        load_guidance(folder, LANGUAGES, lambda hei, _language: hei)
