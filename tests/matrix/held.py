"""What is held of the students, and everybody's sessions: seeded as the backend itself does it."""

import base64
import hashlib
import secrets
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import msgspec
from factories import LINDENTAL, YEAR, a_contact, sourced
from fed import RIBEIRA
from matrix.offices import have_partners, have_unfound
from matrix.people import HIDDEN, NOW, Person
from matrix.places import have_agreements, have_places
from matrix.questions import have_questions
from matrix.rules import have_rules
from testbed import Bed

from erasmus_app.chat.links import MOST_CODES, LinkCode, code_in
from erasmus_app.chat.messengers import Incoming, Messenger
from erasmus_app.identity.authorization import AuthorizationRequest, CodeForClient
from erasmus_app.identity.claims import Identity
from erasmus_app.identity.clients import Client
from erasmus_app.identity.models import CodeForApp, Session
from erasmus_app.ids import EuropeanStudentId, LosId, OmobilityId, OunitId, ProposalId
from erasmus_app.institutions.models import (
    Accessibility,
    AccessibilityKind,
    AdditionalInformation,
    AdditionalRequirement,
    Factsheet,
    Information,
    Link,
    TermDays,
)
from erasmus_app.institutions.ports import FactsheetAnswer
from erasmus_app.mobilities.consolidate import Reading
from erasmus_app.mobilities.events import Row, event_about
from erasmus_app.mobilities.models import (
    OF_RECEIVING,
    AgreementEnd,
    AgreementVersion,
    Api,
    Component,
    ComponentChange,
    ComponentList,
    CourseResult,
    Credit,
    GradeShare,
    HeiEnd,
    LearningAgreement,
    Mobility,
    Nomination,
    NominationStatus,
    Reception,
    ReceptionStatus,
    ResultStatus,
    Returned,
    SentBack,
    Signature,
    Sourced,
    StudentData,
    Transcript,
)
from erasmus_app.mobilities.own import Decision, Operation
from erasmus_app.mobilities.ports import Answer, Document
from erasmus_app.notifications.models import QuietHours
from erasmus_app.notifications.wishes import Wish
from erasmus_app.privacy.access import Access, ActorKind, Read
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.erasures import ErasureTable
from erasmus_app.store.exports import ExportTable
from erasmus_app.store.factsheets import FactsheetTable
from erasmus_app.store.mail_addresses import MailAddressTable
from erasmus_app.store.own_objects import OwnObjectTable
from erasmus_app.store.telling import Teller
from erasmus_app.students.models import Platform, TargetKind

NOTICE = "2026-11"
"""The present version of the privacy notice."""
CLAIMED = "claimed-by-everybody"
"""A mobility that there is not; five claims a day are let in."""


SOON = NOW + timedelta(hours=1)  # a login stays fresh, however long the asking takes
PAGE = Link(url="https://www.lindental.example/exchange", language="en")
ASK = Information(email="international@lindental.example", phone="+999123456", links=(PAGE,))


async def settle(bed: Bed, people: list[Person]) -> None:
    """Sign everybody in and seed what is held of the students."""
    await FactsheetTable(bed.app.database).save(
        LINDENTAL,
        RIBEIRA,
        FactsheetAnswer(
            value=Factsheet(
                hei_id=LINDENTAL,
                nominations=TermDays(autumn="--04-30", spring="--10-31"),
                applications=TermDays(autumn="--05-31", spring="--11-30"),
                decision_weeks=4,
                transcript_weeks=6,
                requirements=(
                    AdditionalRequirement(name="CV", details="As a PDF file.", links=(PAGE,)),
                ),
                application=ASK,
                housing=ASK,
                visa=ASK,
                insurance=ASK,
                accessibility=(
                    Accessibility(
                        name="Note takers",
                        kind=AccessibilityKind.SERVICE,
                        description="Ask early.",
                        information=ASK,
                    ),
                ),
                additional=(AdditionalInformation(title="Bicycles", information=ASK),),
            ),
            xml=b"<factsheet/>",
            signed_by=None,
        ),
        NOW,
    )
    table = FactsheetTable(bed.app.database)
    await table.failed(LINDENTAL, RIBEIRA, "partner_unreachable", NOW)
    for person in people:
        await _log_in(bed, person)
        if person.is_student:
            await _seed(bed, person)
    await have_rules(bed, people)
    await have_unfound(bed, people)
    await have_partners(bed)
    await have_questions(bed, people)
    await have_places(bed)
    await have_agreements(bed)
    for person in people:
        if person.is_student:
            await _have_calendars(bed, person)
            await _have_chats(bed, person)


async def _log_in(bed: Bed, person: Person) -> None:
    services = bed.app.services
    esi = EuropeanStudentId(f"urn:schac:personalUniqueCode:int:esi:{person.home}:{person.mark}")
    identity = Identity(
        issuer=str(services.settings.oidc_issuer),
        subject=person.subject,
        display_name=f"{person.mark} name",
        email=f"{person.mark}@mail.example",
        home_hei_ids=(person.home,) if person.home else (),
        affiliations=(f"{person.affiliation}@{person.home}",) if person.home else (),
        esis=(esi,) if person.is_student else (),
        missing=("email",) if person.is_student else (),
        received=("name", "sub") if person.is_student else (),
    )
    person.account = await AccountTable(bed.app.database).signed_in(identity, "en")
    person.token, session = await _tokens(bed, person)
    person.session = session
    _, spare = await _tokens(bed, person)  # one that can be ended
    person.ids = {"session": [str(spare.session_id)], "asking": [str(session.session_id)]}


async def _tokens(bed: Bed, person: Person) -> tuple[str, Session]:
    """Go the app's last steps: a one-time code, the tokens for it, and once those after them."""
    login = bed.app.services.login
    assert login is not None
    code, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    await login.states.keep_code(
        code, CodeForApp(account_id=person.account, challenge=challenge, authenticated_at=SOON)
    )
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    for _ in range(2):
        answer = (await bed.http.post(f"{bed.address}/auth/token", data=form)).raise_for_status()
        form = {
            "grant_type": "refresh_token",
            "refresh_token": answer.json()["refresh_token"],
        }
    token = answer.json()["access_token"]
    return token, await login.session(bearer=token, cookie=None)


async def _seed(bed: Bed, person: Person) -> None:
    services, mark = bed.app.services, person.mark
    assert person.session is not None
    assert person.home is not None
    assert person.account is not None
    for n in range(2):
        device = await services.devices.register(
            person.account,
            Platform.ANDROID,
            TargetKind.FID,
            f"{mark}-{n}",
            f"x-{mark}"[:35],
            person.session.session_id,
        )
        person.ids.setdefault("device", []).append(str(device.device_id))
    paused = services.clock() + timedelta(days=30)
    quiet = QuietHours(begin=time(23), end=time(7))
    await services.preferences.change(person.account, Wish(paused_until=paused, quiet=quiet))
    for mobility in (
        _late(person),
        _early(person),
        _nominated(person),
        _sent_back(person),
        _over(person),
    ):
        await _take_in(bed, person, mobility)
    entries = await services.inbox.entries(person.account)
    await services.inbox.mark_read(person.account, [entries[-1].entry_id])
    person.ids["message"] = [str(each.entry_id) for each in entries]
    person.ids["first message"] = person.ids["message"][-1:]
    await _connect(bed, person)
    await _link_and_claim(bed, person)
    await _take_a_copy(bed, person)
    await _give_addresses(bed, person)
    erasure = await services.erasures.request(person.account, NOW, timedelta(days=9))
    person.ids["erasure"] = [str(erasure.erasure_id)]
    async with OwnObjectTable(bed.app.database).change(person.home) as change:
        await change.note_decision(
            Decision(
                api="omobilities",
                omobility_id=OmobilityId(f"{mark}-early"),
                proposal_id=f"{mark}-p",
                operation=Operation.APPROVE,
                partner=LINDENTAL,
                comment=f"{HIDDEN} {mark}",
                request=f"<request>{HIDDEN}</request>".encode(),
            )
        )


async def _have_calendars(bed: Bed, person: Person) -> None:
    """Have two feeds, of which one has been read: behind all else, as it shows all else."""
    calendars = bed.app.services.calendars
    assert person.account is not None
    for _ in range(2):
        feed, secret = await calendars.create(person.account)
        person.ids.setdefault("calendar", []).append(str(feed.feed_id))
    found = await calendars.subscriber(secret)
    assert found is not None
    assert await calendars.shown(person.account, found.zone) != []


async def _have_chats(bed: Bed, person: Person) -> None:
    """Have two linked chats, a message that waits, and one code left of those of an hour."""
    services, links = bed.app.services, bed.app.services.chat_links
    assert person.account is not None
    for number in range(MOST_CODES - 1):
        made = await links.create_code(person.account)
        assert isinstance(made, LinkCode)
        code = code_in(made.code)
        assert code is not None
        if number > 1:
            continue
        sender = f"{HIDDEN}{person.mark}{number}"  # its id there is shown to nobody
        link = await links.store.redeem(Messenger.TELEGRAM, sender, code, services.clock())
        assert link is not None
        await links.store.used(link, person.moment(0).date())
        person.ids.setdefault("chat", []).append(str(link.link_id))
        asked = Incoming(
            messenger=Messenger.TELEGRAM,
            sender=sender,
            chat=sender,
            message=sender,
            text=f"{HIDDEN} {person.mark}",
            at=NOW,
        )
        assert await services.desk.messages.take(asked, services.clock())


async def _connect(bed: Bed, person: Person) -> None:
    """Allow an assistant that describes itself something."""
    authorization, client_id = bed.app.services.authorization, f"https://{person.mark}.example/c"
    assert authorization is not None
    assert person.account is not None
    authorization.clients.registered[client_id] = Client(  # type: ignore[attr-defined]
        client_id=client_id,
        names={"": f"{person.mark} helper"},
        redirect_uris=("https://helper.example/back",),
        scopes=("record:read",),
    )
    request = AuthorizationRequest(
        client_id=client_id,
        redirect_uri="https://helper.example/back",
        challenge="c" * 43,
        scopes=("record:read",),
        resource=authorization.resources[0],
    )
    session = uuid4()
    await authorization.grants.open_grant(
        CodeForClient(request=request, session_id=session, account_id=person.account),
        hashlib.sha256(client_id.encode()).digest(),
        NOW + timedelta(days=9),
    )
    person.ids["app"] = [str(session)]


async def _link_and_claim(bed: Bed, person: Person) -> None:
    """Join a login long ago, have another wait for the office, and claim two mobilities."""
    database, claimed = bed.app.database, _early(person)
    person.ids["identity"] = [
        str(
            await database.fetchval(
                "select identity_id from account_identity where account_id = $1", person.account
            )
        )
    ]
    for kind, state in (("link", "joined"), ("waiting link", "waiting")):
        spare = Identity(
            issuer=str(bed.app.services.settings.oidc_issuer),
            subject=Person(f"{person.key} {kind}").subject,
            display_name=f"{person.mark} {kind}",
            email=f"{person.mark}@mail.example",
            home_hei_ids=(person.home,) if person.home else (),
            affiliations=(),
            esis=(),
            missing=(),
        )
        other = await AccountTable(database).signed_in(spare, "en")
        link = await database.fetchval(
            """insert into account_link
                   (kept_account_id, joined_account_id, state, evidence, decided_at)
               values ($1, $2, $3, 'none', $4) returning link_id""",
            person.account,
            other,
            state,
            NOW - timedelta(days=40) if state == "joined" else None,  # too long ago to be undone
        )
        person.ids[kind] = [str(link)]
    for kind, state in (("claim", "open"), ("granted claim", "granted")):
        claim = await database.fetchval(
            """insert into mobility_claim (account_id, sending_hei_id, omobility_id, state,
                   evidence, begun_at, decided_at)
               values ($1, $2, $3, $4, $5, $6, $7) returning claim_id""",
            person.account,
            claimed.sending_hei_id,
            claimed.omobility_id,
            state,
            "decided" if state == "granted" else None,
            NOW,
            NOW if state == "granted" else None,
        )
        person.ids[kind] = [str(claim)]


async def renew(bed: Bed, person: Person) -> None:
    """Have again what can be taken back or decided once."""
    assert person.account is not None
    await bed.app.services.erasures.request(person.account, NOW, timedelta(days=9))
    await _give_addresses(bed, person)
    await bed.app.database.execute(
        "delete from mobility_claim where account_id = $1 and omobility_id = $2",
        person.account,
        CLAIMED,
    )
    await bed.app.database.execute(
        """update mobility_claim set state = 'open', evidence = null, decided_at = null
           where claim_id = $1""",
        person.ids["claim"][0],
    )
    await bed.app.database.execute(
        "update account_link set state = 'waiting', decided_at = null where link_id = $1",
        person.ids["waiting link"][0],
    )


async def _give_addresses(bed: Bed, person: Person) -> None:
    """Have an address that is confirmed, and another that waits for its code."""
    store = bed.app.services.mail_addresses.store
    assert isinstance(store, MailAddressTable)
    assert person.account is not None
    await store.remove(person.account, NOW)
    await bed.app.database.execute("delete from mail_address where account_id = $1", person.account)
    asked = await store.ask(person.account, f"{person.mark}-a@post.example", person.moment(0))
    assert asked is not None
    letter = await store.letter(asked.address_id, person.moment(0))
    assert letter is not None
    await store.confirm(person.account, letter.code, person.moment(0))
    await store.ask(person.account, f"{person.mark}-b@post.example", person.moment(0))
    await bed.app.database.execute(
        """insert into webhook_delivery (tenant, endpoint, person_id, mobility_id, event_id, kind,
               created_at, expires_at, state)
           select tenant, $2, person_id, mobility_id, gen_random_uuid(), 'nominated', $3, $3,
               'accepted'
           from mobility where mobility_id = $1 on conflict do nothing""",
        UUID(person.ids["mobility"][0]),
        f"{person.mark}-app",
        person.moment(0),
    )
    await bed.app.database.execute(
        """insert into mail_delivery (account_id, inbox_entry_id, planned_at, state, last_error)
           values ($1, $2, $3, 'failed', $4) on conflict do nothing""",
        person.account,
        person.ids["message"][0],
        person.moment(0),
        person.mark,
    )


async def _take_a_copy(bed: Bed, person: Person) -> None:
    """Have an archive, consents, a notice that was seen, and somebody who looked."""
    services, account = bed.app.services, person.account
    assert account is not None
    exports = ExportTable(bed.app.database)
    export = await exports.request(account, "en", NOW)
    async with exports.writing(export.export_id) as writing:
        assert writing is not None
        await writing.write(person.mark.encode())
        await writing.finish(NOW)
    person.ids["export"] = [str(export.export_id)]
    for purpose in ("statistics", "chat"):
        await services.consents.give(account, services.purposes[purpose], "en", "app", NOW)
        await services.consents.withdraw(account, purpose, "app", NOW)
    await services.consents.give(account, services.purposes["news"], "en", "app", NOW)
    await services.consents.acknowledge(account, NOTICE, NOW)
    tenant, whose, mobility = await bed.app.database.fetchrow(
        "select tenant, person_id, mobility_id from mobility where mobility_id = $1::uuid",
        person.ids["mobility"][0],
    )
    for hours in (1, 3):
        staff = Access(
            kind=ActorKind.STAFF,
            actor=person.mark,
            hei=tenant,
            purpose=f"{person.mark} purpose",
            api="office",
        )
        read = Read(tenant=tenant, subject=whose, mobility=mobility)
        await services.access.note(staff, [read], person.moment(hours))
    [latest, *_] = await services.access.of(account)
    person.ids["look"] = [str(latest.access_id)]


async def seeded(bed: Bed, person: Person) -> set[str]:
    """The tables in which something is held of a student."""
    erasures = ErasureTable(bed.app.database)
    return set(await erasures.what_would_go(await erasures.subject(str(person.account))))


async def _take_in(bed: Bed, person: Person, mobility: Mobility) -> None:
    """Keep a mobility with what partners sent of it, and tell its student."""
    services = bed.app.services
    place = (mobility.tenant, mobility.sending_hei_id, mobility.omobility_id)
    async with services.records.change(*place) as change:
        for source in mobility.sources():
            xml = f"<c>{HIDDEN} {person.mark}</c>".encode()
            reading = Reading(
                tenant=mobility.tenant,
                api=source.api,
                major=1,
                hei_id=source.hei_id,
                asked_as=mobility.tenant,
                sending_hei_id=mobility.sending_hei_id,
                receiving_hei_id=mobility.receiving_hei_id,
                omobility_id=mobility.omobility_id,
                at=NOW,
                value=None,
            )
            document = Document(xml=xml, sha256=hashlib.sha256(xml).digest(), signed_by="a" * 64)
            stored = await change.save(mobility, Answer(reading=reading, document=document))
        events = [
            event_about(mobility, Row.B10, str(n), requirements=f"{person.mark} paper {n}")
            for n in range(2 + int(person.key[-1]))  # so that even counts tell the students apart
        ]
        await change.record_events(events, silent=False)
        await Teller(services.messages, timedelta(0))(change, events, stored, NOW)
    person.ids.setdefault("mobility", []).append(str(stored.mobility_id))


def _student(person: Person) -> StudentData:
    return StudentData(
        given_names=f"{HIDDEN} {person.mark}",
        family_name=f"{HIDDEN} {person.mark}",
        esi=EuropeanStudentId(f"urn:schac:personalUniqueCode:int:esi:{person.home}:{person.mark}"),
        birth_date=date(1999, 1, 10 + int(person.key[-1])),
        email=f"{HIDDEN}@mail.example",
    )


def _mobility(person: Person, name: str, *facts: Sourced[Any]) -> Mobility:
    assert person.home is not None
    fields = {
        Api.OMOBILITIES: "nomination",
        Api.IMOBILITIES: "reception",
        Api.OMOBILITY_LAS: "agreement",
        Api.IMOBILITY_TORS: "transcript",
    }
    return Mobility(
        tenant=person.home,
        sending_hei_id=person.home,
        receiving_hei_id=LINDENTAL,
        omobility_id=OmobilityId(f"{person.mark}-{name}"),
        **{fields[each.source.api]: each for each in facts},
    )


def _fact(person: Person, value: Any, api: Api) -> Sourced[Any]:
    at = person.moment(9)
    hei = LINDENTAL if api in OF_RECEIVING else person.home
    given: dict[str, Any] = {"last_error": f"{person.mark} error"} if api is Api.OMOBILITIES else {}
    return sourced(
        value, api, hei_id=hei, asked_as=person.home, fetched_at=at, last_confirmed_at=at, **given
    )


def _nomination(
    person: Person,
    status: NominationStatus = NominationStatus.APPROVED,
    term: str = "2026/2027-2/2",
) -> Nomination:
    assert person.home is not None
    return Nomination(
        status=status,
        sending=HeiEnd(hei_id=person.home, ounit_id=OunitId("faculty")),
        receiving=HeiEnd(hei_id=LINDENTAL),
        student=_student(person),
        receiving_academic_year_id=YEAR,
        sending_term=term,
        proposal_id=ProposalId(f"{person.mark}-proposal"),
        activity_type=f"{person.mark} activity",
        activity_attributes=f"{person.mark} attributes",
        planned_arrival=person.day(2),
        planned_departure=person.day(7),
    )


def _agreement(person: Person, **versions: AgreementVersion) -> LearningAgreement:
    assert person.home is not None
    contact = msgspec.structs.replace(
        a_contact(f"{person.mark} given"),
        family_name=f"{person.mark} family",
        email=f"{person.mark}@office.example",
        phone=f"{person.mark} phone",
    )
    return LearningAgreement(
        sending=AgreementEnd(hei_id=person.home, contact=contact),
        receiving=AgreementEnd(hei_id=LINDENTAL, ounit_name=f"{person.mark} unit", contact=contact),
        receiving_academic_year_id=YEAR,
        student=_student(person),
        planned_start=person.day(3).isoformat(),
        planned_end=person.day(7).isoformat(),
        **versions,
    )


def _version(person: Person, words: str, *, final: bool = True) -> AgreementVersion:
    mark = f"{person.mark} {words}"
    signature = Signature(
        signed_at=person.moment(30), name=f"{mark} signer", position=f"{mark} position"
    )
    components = tuple(
        Component(
            table=table,
            title=f"{mark} title",
            los_id=LosId("los-1"),
            los_code=f"{mark} code",
            credits=(Credit(scheme=f"{person.mark}", value=Decimal(6)),),
            change=ComponentChange.INSERTED,
            reason_code=f"{mark} reason",
            reason_text=f"{mark} words",
            recognition_conditions=f"{mark} conditions",
        )
        for table in (ComponentList.STUDIED, ComponentList.RECOGNIZED)
    )
    return AgreementVersion(
        components=components,
        student_signature=signature,
        sending_signature=signature,
        receiving_signature=signature if final else None,
        proposal_id=None if final else ProposalId(f"{person.mark}-{words}"),
    )


def _nominated(person: Person) -> Mobility:
    """Not decided yet, and for a trimester: a factsheet has days for either of two terms."""
    nomination = _nomination(person, NominationStatus.PENDING, "2026/2027-1/3")
    return _mobility(person, "nominated", _fact(person, nomination, Api.OMOBILITIES))


def _early(person: Person) -> Mobility:
    """Before the stay: the receiving HEI is to sign."""
    agreement = _agreement(person, changes_proposal=_version(person, "new", final=False))
    return _mobility(
        person,
        "early",
        _fact(person, _nomination(person), Api.OMOBILITIES),
        _fact(person, agreement, Api.OMOBILITY_LAS),
    )


def _sent_back(person: Person) -> Mobility:
    """Before the stay: what was sent to be signed has come back."""
    gone = _fact(person, None, Api.OMOBILITY_LAS)
    source = msgspec.structs.replace(gone.source, missing_since=person.moment(5))
    contact = msgspec.structs.replace(a_contact(), email=f"{person.mark}@office.example")
    mobility = _mobility(
        person,
        "sent-back",
        _fact(person, _nomination(person), Api.OMOBILITIES),
        msgspec.structs.replace(gone, source=source),
    )
    known = SentBack(
        what=Returned.FIRST_VERSION,
        at=person.moment(5),
        comment=f"{person.mark} comment",
        sending_contact=contact,
        receiving_contact=contact,
    )
    return msgspec.structs.replace(mobility, sent_back=known)


def _late(person: Person) -> Mobility:
    """After the stay, with all that there can be."""
    agreement = _agreement(
        person,
        first_version=_version(person, "first"),
        approved_changes=_version(person, "approved"),
        changes_proposal=_version(person, "proposed", final=False),
    )
    reception = Reception(
        status=ReceptionStatus.VERIFIED,
        actual_arrival=person.day(3),
        actual_departure=person.day(7),
    )
    transcript = Transcript(
        student=_student(person),
        courses=(_result(person, parts=(_result(person),)),),
        issued_at=person.moment(20),
        has_document=True,
        recognition=f"{person.mark} recognition",
    )
    return _mobility(
        person,
        "late",
        _fact(person, _nomination(person), Api.OMOBILITIES),
        _fact(person, agreement, Api.OMOBILITY_LAS),
        _fact(person, reception, Api.IMOBILITIES),
        _fact(person, transcript, Api.IMOBILITY_TORS),
    )


def _over(person: Person) -> Mobility:
    """Recognised at home, with a course in agreement and transcript."""
    nomination = msgspec.structs.replace(
        _nomination(person, NominationStatus.RECOGNIZED),
        proposal_id=None,
        activity_type="student-studies",
        activity_attributes="long-term",
    )
    version = _version(person, "over")
    promised = Component(
        table=ComponentList.RECOGNIZED,
        title=f"{person.mark} course",
        credits=(Credit(scheme=person.mark, value=Decimal(6)),),
    )
    studied = msgspec.structs.replace(promised, table=ComponentList.STUDIED)
    version = msgspec.structs.replace(version, components=(*version.components, studied, promised))
    transcript = Transcript(
        student=_student(person),
        courses=(_result(person),),
        recognition="Positive",
        recognition_decided=person.day(9),
    )
    return _mobility(
        person,
        "over",
        _fact(person, nomination, Api.OMOBILITIES),
        _fact(person, _agreement(person, first_version=version), Api.OMOBILITY_LAS),
        _fact(person, transcript, Api.IMOBILITY_TORS),
    )


def _result(person: Person, parts: tuple[CourseResult, ...] = ()) -> CourseResult:
    mark = person.mark
    return CourseResult(
        title=f"{mark} course",
        code=f"{mark} code",
        type=f"{mark} type",
        status=ResultStatus.PASSED,
        grade=f"{mark} grade",
        grading_scheme=f"{mark} scheme",
        distribution=(GradeShare(grade=f"{mark} share", count=3),),
        credits=(Credit(scheme=mark, value=Decimal(6)),),
        language="en",
        result_date=person.day(7),
        parts=parts,
    )
