"""Asking partners for agreements and approvals, and telling of ours (guide §4.11).

Each major version wants other parameters: older ones name both HEIs, newer ones know them from the
address and the key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from ewp.catalogue import ApiEntry
from ewp.client import EwpClient, Parameters, Reply
from ewp.errors import ApiNotServed, MessageInvalid, ReplyInvalid, XmlRefused
from ewp.ids import AcademicYearId, HeiId, IiaId
from ewp.keys import PrivateKey
from ewp.messages import iia_hash, iias, iias_approval
from ewp.messages.iia_hash import Checked
from ewp.messages.values import DATE_TIME

T = TypeVar("T")


def about_index(entry: ApiEntry, partner: HeiId, ours: HeiId) -> Parameters:
    """Return what is said to an `index`: in version 6 whose agreements with whom are meant.

    An HEI that asks its own system means those with everybody.
    """
    if entry.major >= 7:
        return ()
    with_whom = [("partner_hei_id", ours)] if ours != partner else []
    return [("hei_id", partner), *with_whom]


def about_get(entry: ApiEntry, partner: HeiId, *, with_pdf: bool = False) -> Parameters:
    """Return what is said to a `get` beside ids: in version 6 whose they are, and of the PDF.

    Nobody has promised to leave a PDF out where nothing is said of it.
    """
    return () if entry.major >= 7 else (("hei_id", partner), ("send_pdf", _word(with_pdf)))


def about_approvals(
    entry: ApiEntry, partner: HeiId, ours: HeiId, *, with_pdf: bool = False
) -> Parameters:
    """Return what is said to `iias-approval` beside ids: in version 1 who approves whose copies."""
    if entry.major >= 2:
        return ()
    named = (("approving_hei_id", partner), ("owner_hei_id", ours))
    return (*named, ("send_pdf", _word(with_pdf)))


def about_cnr(entry: ApiEntry, partner: HeiId, ours: HeiId) -> Parameters:
    """Return who is named to an `iia-cnr` or `iia-approval-cnr`: nobody since 3 and 2."""
    if entry.api == "iia-cnr" and entry.major < 3:
        return (("notifier_hei_id", ours),)
    if entry.api == "iia-approval-cnr" and entry.major < 2:
        return (("approving_hei_id", ours), ("owner_hei_id", partner))
    return ()


@dataclass(frozen=True, slots=True)
class AgreementsClient:
    """Calls partners about agreements, on behalf of the HEI that the key speaks for.

    Every method raises PartnerError as `EwpClient.call` does; ReplyInvalid also where an answer is
    not the message that it has to be.
    """

    client: EwpClient
    key: PrivateKey
    ours: HeiId

    async def index(
        self,
        partner: HeiId,
        entry: ApiEntry,
        *,
        receiving_academic_year_ids: Sequence[AcademicYearId] = (),
        modified_since: datetime | None = None,
    ) -> tuple[IiaId, ...]:
        """Return the ids of the partner's copies of agreements with us, by an entry `iias` 6 or 7.

        `modified_since` has a zone. A partner may return more than is asked for.
        """
        parameters = list(about_index(entry, partner, self.ours))
        parameters += [("receiving_academic_year_id", each) for each in receiving_academic_year_ids]
        if modified_since is not None:
            assert DATE_TIME.write is not None
            parameters.append(("modified_since", DATE_TIME.write(modified_since)))
        reply = await self.client.call(self.key, partner, entry, "index-url", parameters=parameters)
        return _read(iias.read_index_response, reply)

    async def get(
        self, partner: HeiId, entry: ApiEntry, iia_ids: Sequence[IiaId], *, with_pdf: bool = False
    ) -> tuple[Checked, ...]:
        """Return the partner's copies with these ids of the partner's, each with its hash checked.

        `with_pdf` is for version 6, where a PDF comes within the answer; version 7 names a file.
        """
        return await self._copies(partner, entry, "iia_id", iia_ids, with_pdf=with_pdf)

    async def get_by_code(
        self, partner: HeiId, entry: ApiEntry, iia_codes: Sequence[str], *, with_pdf: bool = False
    ) -> tuple[Checked, ...]:
        """Return the partner's copies with these codes, of which several may share one: iias 6.

        Raises:
            ApiNotServed: also where the entry is of version 7, which is not asked by code.
        """
        if entry.major >= 7:
            raise ApiNotServed(partner, "iias 7 is asked by iia_id only")
        return await self._copies(partner, entry, "iia_code", iia_codes, with_pdf=with_pdf)

    async def _copies(
        self, partner: HeiId, entry: ApiEntry, name: str, values: Sequence[str], *, with_pdf: bool
    ) -> tuple[Checked, ...]:
        parameters = about_get(entry, partner, with_pdf=with_pdf)
        found = []
        for reply in await self.client.get_objects(
            self.key, partner, entry, values, parameters, name=name
        ):
            for each in _read(iia_hash.read_checked, reply):
                if each.iia.partners[0].hei_id != partner:
                    raise ReplyInvalid(partner, "an agreement whose first partner is another HEI")
                found.append(each)
        return tuple(found)

    async def stats(self, partner: HeiId, entry: ApiEntry) -> iias.IiaStats:
        """Return how many agreements the partner has made."""
        return _read(
            iias.read_stats_response,
            await self.client.call(self.key, partner, entry, "stats-url"),
        )

    async def approvals(
        self, partner: HeiId, entry: ApiEntry, iia_ids: Sequence[IiaId], *, with_pdf: bool = False
    ) -> tuple[iias_approval.Approval, ...]:
        """Return which of *our* copies the partner has approved, by an entry `iias-approval`."""
        parameters = about_approvals(entry, partner, self.ours, with_pdf=with_pdf)
        replies = await self.client.get_objects(
            self.key, partner, entry, iia_ids, parameters, name="iia_id"
        )
        return tuple(
            each for reply in replies for each in _read(iias_approval.read_response, reply)
        )

    async def announce(self, partner: HeiId, entry: ApiEntry, iia_ids: Sequence[IiaId]) -> None:
        """Tell of changes: by `iia-cnr` of our copies, by `iia-approval-cnr` of our approvals.

        The ids are ours in the first case, and those of the partner's copies in the second.
        """
        parameters = about_cnr(entry, partner, self.ours)
        await self.client.send_cnr(self.key, partner, entry, iia_ids, parameters)


def _word(value: bool) -> str:
    return "true" if value else "false"


def _read(read: Callable[[bytes], T], reply: Reply) -> T:
    try:
        return read(reply.body)
    except (XmlRefused, MessageInvalid) as error:
        raise ReplyInvalid(reply.hei_id, str(error)) from error
