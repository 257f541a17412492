"""How fast a learning agreement becomes a change of a mobility, from bytes to events."""

from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
from ewp_messages import COMPONENTS, RECEIVING, SENDING, a_learning_agreement
from lxml import etree
from measuring import side_by_side
from rows import Row, row

from erasmus_app.ids import ProposalId
from erasmus_app.mobilities.changes import changes
from erasmus_app.mobilities.consolidate import AbsenceRules, Reading, merge
from erasmus_app.mobilities.models import Api, LearningAgreement, Mobility
from erasmus_app.mobilities.ports import Answer
from erasmus_app.partners import translate
from erasmus_app.partners.breakers import Breakers
from erasmus_app.partners.network import EwpPartners
from erasmus_app.partners.own_systems import OwnSystems
from ewp.catalogue import ApiEntry, ClientAuth, Host, of_hosts
from ewp.client import Reply
from ewp.keys import PrivateKey
from ewp.messages import omobility_las as las

BEGAN = datetime(2026, 5, 6, 8, tzinfo=UTC)
RULES = AbsenceRules()


def measure_agreement(document: bytes) -> Iterator[Row]:
    """Measure with an answer whose proposal is a newer one than the record's."""
    [message] = las.read_get_response(document)
    before = _known_before(translate.learning_agreement(message))
    partners, asked = _partners(document), (RECEIVING, SENDING, Api.OMOBILITY_LAS, SENDING)
    today = BEGAN.date()

    def read_and_merge() -> Mobility | None:
        [read] = las.read_get_response(document)
        return merge(before, _reading(translate.learning_agreement(read)), RULES)

    def refresh() -> list[object]:
        [answer] = _at_once(partners.ask(*asked, [message.omobility_id]))
        after = merge(before, answer.reading, RULES)
        assert after is not None
        return list(changes(before, after, today))

    if not refresh():
        raise ValueError("the changed agreement leads to no event")
    times = side_by_side(
        {
            "read": lambda: las.read_get_response(document),
            "read and merge": read_and_merge,
            "refresh": refresh,
            "lxml": lambda: etree.fromstring(document),
        }
    )
    lxml = ("etree.fromstring", times["lxml"])
    yield row(f"parse ({COMPONENTS} components)", times["read"], limit=lxml)
    yield row("parse + merge", times["read and merge"], limit=lxml, under=2e-3)
    yield row("refresh but for the I/O", times["refresh"], limit=lxml)


def _known_before(now: LearningAgreement) -> Mobility:
    """The record with an earlier proposal, other in its last component: all is compared."""
    proposal = now.changes_proposal
    assert proposal is not None
    *same, last = proposal.components
    older = msgspec.structs.replace(last, title=f"{last.title} (old)")
    earlier = msgspec.structs.replace(
        proposal, proposal_id=ProposalId("3f0a-1"), components=(*same, older)
    )
    was = msgspec.structs.replace(now, changes_proposal=earlier)
    known = merge(None, _reading(was, BEGAN - timedelta(days=1)), RULES)
    assert known is not None
    return known


def _reading(value: LearningAgreement, at: datetime = BEGAN) -> Reading:
    return Reading(
        tenant=RECEIVING,
        api=Api.OMOBILITY_LAS,
        major=1,
        hei_id=SENDING,
        asked_as=RECEIVING,
        sending_hei_id=value.sending.hei_id,
        receiving_hei_id=value.receiving.hei_id,
        omobility_id=a_learning_agreement().omobility_id,
        at=at,
        value=value,
    )


def _partners(document: bytes) -> EwpPartners:
    """The application's own way to partners; only the call itself is a fixed answer."""
    entry = ApiEntry(
        api="omobility-las",
        version="1.2.0",
        major=1,
        urls={"get-url": "https://ewp.ribeira.example/las"},
        limits={"max-omobility-ids": 50},
        client_auth=frozenset({ClientAuth.HTTPSIG}),
    )
    catalogue = of_hosts([Host(hei_ids=(SENDING,), entries=(entry,))])
    return EwpPartners(
        client=_FixedAnswer(document),
        catalogue=lambda: catalogue,
        keys={RECEIVING: PrivateKey.generate()},
        own_systems=OwnSystems(httpx.AsyncClient(), {}, lambda: BEGAN),
        breakers=Breakers(lambda: BEGAN),
        clock=lambda: BEGAN,
    )


class _FixedAnswer:
    def __init__(self, document: bytes) -> None:
        self._reply = Reply(
            hei_id=SENDING, api="omobility-las", major=1, body=document, signed_by=None
        )

    async def call(self, *_: object, **__: object) -> Reply:
        return self._reply


def _at_once(asking: Coroutine[object, None, list[Answer]]) -> list[Answer]:
    """Run what has nothing to wait for, without the cost of an event loop."""
    try:
        asking.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("it waits for something")
