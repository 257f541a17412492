"""What a covered HEI's own system gives, as values of ours; and what partners decide about it."""

import hashlib
from collections import Counter
from typing import Any

from lxml import etree

from erasmus_app.errors import FeedRefused, ProposalNotCurrent
from erasmus_app.ids import HeiId
from erasmus_app.mobilities.models import Fact
from erasmus_app.mobilities.own import Decision, Listing, OwnObject
from erasmus_app.mobilities.ports import Document
from erasmus_app.partners import translate
from ewp.decisions import decide_agreement, decide_nomination
from ewp.errors import EditConflict, MessageInvalid, XmlRefused
from ewp.host_filters import Facts, agreement_facts, nomination_facts, student_key
from ewp.messages import (
    factsheet,
    imobilities,
    imobility_tors,
    institutions,
    objects,
    omobilities,
    omobility_las,
    organizational_units,
)
from ewp.xml import open_xml

KEPT_AS = {  # an older version that says nothing which the newer one has no place for
    ("imobility-tors", 1): 2,
    ("institutions", 1): 2,
    ("organizational-units", 1): 2,
}


class EwpOwnMessages:
    """Reads the network's own documents, see `mobilities.own.OwnMessages`."""

    def read(self, hei: HeiId, body: bytes, sending: HeiId | None) -> tuple[Listing, ...]:
        """Read a document; each object must be one that `hei` is master of, and fit to be served.

        Raises:
            FeedRefused: with the number of the object and the rule that it breaks.
        """
        try:
            found = objects.read_document(body)
        except XmlRefused as error:
            raise FeedRefused("xml_refused", str(error)) from error
        except MessageInvalid as error:
            raise FeedRefused("document_invalid", str(error), item=_broken(body)) from None
        return tuple(_listing(hei, each, sending) for each in found)

    def decided(
        self, hei: HeiId, api: str, major: int, xml: bytes, decision: Decision
    ) -> OwnObject | None:
        """Return what a decision makes of an object; None: nothing is left to be shown."""
        [value] = objects.read_objects(api, major, [xml])
        try:
            if isinstance(value, omobilities.StudentMobilityV3):
                request = omobilities.read_update_request(decision.request)
                after: Any = decide_nomination(value, request)
            else:
                signed = omobility_las.read_update_request(decision.request)
                after = decide_agreement(value, signed.operation)
        except EditConflict as error:
            raise ProposalNotCurrent(str(error)) from error
        if after is None:
            return None
        return _object(hei, api, major, after, None)


def _listing(hei: HeiId, found: objects.Listing, sending: HeiId | None) -> Listing:
    api = found.api
    major = KEPT_AS.get((api, found.major), found.major)
    made = []
    for item, value in enumerate(found.objects, 1):
        if broken := _broken_rule(hei, value):
            code, words = broken
            raise FeedRefused(code, words, item=item)
        try:
            made.append(_object(hei, api, major, value, sending))
        except MessageInvalid as error:  # readers are lenient; partners may not be
            raise FeedRefused("document_invalid", str(error), item=item) from None
    return Listing(api=api, major=major, objects=tuple(made))


def _broken(body: bytes) -> int | None:
    """Return which object of its kind does not fit; None where it is the document itself."""
    root = open_xml(body)
    before = Counter[str]()
    for child in list(root):
        before[child.tag] += 1
        for each in list(root):
            root.remove(each)
        root.append(child)
        try:
            objects.read_document(etree.tostring(root))
        except MessageInvalid:
            return before[child.tag]
        except XmlRefused:
            return None
    return None


def _broken_rule(hei: HeiId, value: Any) -> tuple[str, str] | None:
    """Return a rule that an object of this HEI's would break, as a code and words."""
    match value:
        case omobilities.StudentMobilityV2() | omobilities.StudentMobilityV3():
            facts = nomination_facts(value)
        case omobility_las.LearningAgreement():
            facts = agreement_facts(value)
            if value.first_version is None and value.changes_proposal is None:
                return "nothing_signed", "la: has no version that the student and the HEI signed"
        case imobility_tors.Tor():
            issuers = {
                identifier.value.strip().lower()
                for report in value.elmo.reports
                for identifier in report.issuer.identifiers
                if identifier.type.lower() == "schac"
            }
            if issuers and hei not in issuers:
                return "not_the_master", "report/issuer: its schac identifier is another HEI"
            return None
        case institutions.Hei() | factsheet.Factsheet():
            if value.hei_id != hei:
                return "not_the_master", "hei-id: is another HEI"
            if isinstance(value, institutions.Hei) and not _has_root(value):
                return "root_ounit_not_listed", "root-ounit-id: is not among the ounit-ids"
            return None
        case _:
            return None
    if facts.sending_hei_id != hei:
        return "not_the_master", "sending-hei: is another HEI"
    if facts.receiving_hei_id == hei:
        return "not_a_mobility", "receiving-hei: is the HEI itself"
    return None


def _has_root(value: institutions.Hei) -> bool:
    return value.root_ounit_id is None or value.root_ounit_id in value.ounit_ids


def _object(hei: HeiId, api: str, major: int, value: Any, sending: HeiId | None) -> OwnObject:
    """Make an object of ours; `sending` is of those that do not name their sending HEI."""
    xml = objects.write_object(api, major, value)
    document = Document(xml=xml, sha256=hashlib.sha256(xml).digest(), signed_by=None)
    common: dict[str, Any] = {"api": api, "major": major, "document": document}
    match value:
        case omobilities.StudentMobilityV2() | omobilities.StudentMobilityV3():
            facts, proposal = nomination_facts(value), None
            if isinstance(value, omobilities.StudentMobilityV3):
                proposal = value.nomination.proposal_id
            return _sent(common, value.omobility_id, facts, proposal, translate.nomination(value))
        case omobility_las.LearningAgreement():
            facts = agreement_facts(value)
            proposal = value.changes_proposal.id if value.changes_proposal else None
            fact = translate.learning_agreement(value)
            return _sent(common, value.omobility_id, facts, proposal, fact)
        case imobilities.IncomingMobilityV1() | imobilities.IncomingMobilityV2():
            common |= {"fact": translate.reception(value), "object_id": value.omobility_id}
            return OwnObject(**common, sending_hei_id=sending or HeiId(""), partner=sending)
        case imobility_tors.Tor():
            return OwnObject(
                **common,
                object_id=value.omobility_id,
                sending_hei_id=sending or HeiId(""),
                partner=sending,
                receiving_academic_year_id=value.receiving_academic_year_id,
                student_key=student_key(value.elmo.learner.esi) or None,
                fact=translate.transcript(value),
            )
        case organizational_units.OrganizationalUnit():
            common |= {"object_id": value.ounit_id, "kind": value.ounit_code}
            return OwnObject(**common, sending_hei_id=hei)
        case _:
            return OwnObject(**common, sending_hei_id=hei, object_id=hei)


def _sent(
    common: dict[str, Any], omobility_id: str, facts: Facts, proposal: str | None, fact: Fact
) -> OwnObject:
    return OwnObject(
        **common,
        object_id=omobility_id,
        sending_hei_id=facts.sending_hei_id,
        partner=facts.receiving_hei_id,
        receiving_academic_year_id=facts.receiving_academic_year_id,
        student_key=facts.student_key or None,
        kind=facts.kind,
        proposal_id=proposal,
        fact=fact,
    )
