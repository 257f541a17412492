"""The safety net under CNRs, and the only way to hear of a covered HEI's own changes (guide §6.2).

One recurring job `plan-polls` looks whom to ask for what; each pair of partner and API has one
recurring job `poll`. Both are rows like all work, so that a restart loses none. How often and how
much is decided in `worker/rhythm.py`.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import structlog

from erasmus_app.errors import AppError, PartnerBusy, PartnerFailed
from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.institutions.models import ApiMode, CoveredHei
from erasmus_app.mobilities.models import OF_RECEIVING, Api
from erasmus_app.mobilities.refreshes import CNR_OF, Refresh
from erasmus_app.services import Services
from erasmus_app.store.database import Database
from erasmus_app.store.jobs import Again, Job, Later, Retry, alive, ensure
from erasmus_app.store.polls import UNREAD, Asked, Known, PollState, PollTable
from erasmus_app.store.records import RecordTable
from erasmus_app.worker import rhythm
from erasmus_app.worker.loop import waiting
from erasmus_app.worker.refresh import Refresher
from erasmus_app.worker.rhythm import Band, Scope
from ewp.errors import EwpError, place_of

POLL = "poll"
PLAN = "plan-polls"
LONGEST_WRITE = 60.0  # seconds from a mobility's being written until others see it
OF_AN_INTERVAL = 1 / 15  # how much of it that may be, where one polls more often
BUSY_WRITE = 5.0  # seconds more, however often one polls: a busy machine takes longer
BATCH = 200  # mobilities; a whole university's answers would fill the memory

log = structlog.get_logger(__name__)


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """Ask `hei_id` as `tenant` what is new in `api`."""

    tenant: HeiId
    hei_id: HeiId
    api: Api

    @property
    def dedupe_key(self) -> str:
        """One recurring job per partner and API."""
        return f"{POLL} {self.tenant} {self.hei_id} {self.api}"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the indexes of one poll say."""

    changed: frozenset[OmobilityId]  # since the last good poll
    listed: frozenset[OmobilityId] | None  # everything there is; None: that was not asked for


@dataclass(frozen=True, slots=True)
class Poller:
    """Asks partners at intervals, with an overlap, and sweeps everything now and then."""

    services: Services
    database: Database
    records: RecordTable
    refresher: Refresher

    @property
    def polls(self) -> PollTable:
        """Where each poll stands."""
        return self.refresher.polls

    async def start(self) -> None:
        """Make sure that the recurring job is there."""
        await ensure(self.database, PLAN, {PLAN: {}})

    async def plan(self, _job: Job) -> None:
        """Handle `plan-polls`: see to it that everybody who may know something is asked."""
        try:
            for tenant in self.services.heis.values():
                await self._plan(tenant)
            minute = timedelta(seconds=self.services.settings.refetch_seconds)
            await self.polls.forget_fetches(self.services.clock() - minute)
        except Exception as error:  # noqa: BLE001 - a recurring job has no last attempt
            log.error("poll.not_planned", code=code_of(error), where=place_of(error))  # noqa: TRY400
        raise Again(min(60.0, self.services.settings.poll_seconds))

    async def _plan(self, tenant: CoveredHei) -> None:
        heis = {tenant.id, *await self.records.partners(tenant.id)}
        polls = [
            Poll(tenant=tenant.id, hei_id=hei, api=api)
            for hei in sorted(heis)
            for api in sorted(Api)
            if tenant.mode(CNR_OF[api]) is not ApiMode.OFF
            and not (hei == tenant.id and tenant.serves(api.value))  # its system tells us itself
            and self.services.source.serves(hei, api, tenant.id)
        ]
        new = {each.dedupe_key: msgspec.to_builtins(each) for each in polls}
        await ensure(self.database, POLL, new)

    async def poll(self, job: Job) -> None:
        """Handle one `poll`, and come again whatever it brings, unless it is switched off."""
        poll = msgspec.convert(job.payload, Poll)
        asked = Asked(poll.tenant, poll.hei_id, poll.api)
        if self._mode(asked) is ApiMode.OFF:
            return  # switched off since, or no tenant any more
        settings, band = self.services.settings, self._band(asked)
        try:
            with self.services.source.turn(poll.tenant, poll.hei_id, poll.api):
                wait = await self._ask(asked, band)
        except PartnerBusy as busy:
            raise Later(busy.after) from busy
        except Later as later:
            wait = later.after
        except (PartnerFailed, Retry) as error:
            log.warning("poll.failed", hei_id=asked.hei_id, api=asked.api, code=error.code)
            failures = await self.polls.failed(asked, error.code)
            wait = rhythm.after_failure(band, settings, failures)
        except Exception as error:  # noqa: BLE001 - a recurring job has no last attempt
            about = {"hei_id": asked.hei_id, "api": asked.api, "code": code_of(error)}
            log.error("poll.broken", where=place_of(error), **about)  # noqa: TRY400
            wait = band.shortest
        raise Again(rhythm.jittered(wait, random.random()))  # noqa: S311 - no secret

    def _band(self, asked: Asked) -> Band:
        own_system = asked.tenant == asked.hei_id
        settings = self.services.settings
        return rhythm.band(asked.api, self._mode(asked), settings, own_system=own_system)

    def _mode(self, asked: Asked) -> ApiMode:
        tenant = self.services.heis.get(asked.tenant)
        return tenant.mode(CNR_OF[asked.api]) if tenant else ApiMode.OFF

    def _is_told(self, asked: Asked) -> bool:
        """Whether the partner tells us of what it changes; nobody tells us of the HEI's own."""
        told = self._mode(asked) in {ApiMode.OWN, ApiMode.FORWARDED}
        return told and asked.tenant != asked.hei_id

    async def _ask(self, asked: Asked, band: Band) -> float:
        """Ask once; return the interval until the next time."""
        now = self.services.clock()
        state = await self.polls.state(asked)
        is_told = self._is_told(asked)
        scope = rhythm.scope(state, now, self.services.settings, is_told=is_told)
        known = await self.polls.known(asked, now)
        found = await self._found(asked, scope, state, known)
        ids = self._wanted(asked, scope, state, known, found, now)
        thorough = scope is Scope.SWEEP
        changed = await self._refresh(
            asked, ids, self._past(asked, state, known), thorough=thorough
        )
        if found is not None:
            for sending, some in _by_sender(
                each for each in known if each.last_error and each.last_error not in UNREAD
            ).items():
                await self.polls.recovered(asked, sending, some, now)
        interval = rhythm.after_success(
            band,
            state,
            changed=changed > 0,
            anybody_awaited=any(each.awaited for each in known),
            may_begin=not is_told and asked.api not in OF_RECEIVING,
        )
        await self.polls.succeeded(
            asked,
            now,
            by_index=found is not None,
            sweep=scope is Scope.SWEEP,
            interval=interval,
        )
        return interval

    async def _found(
        self, asked: Asked, scope: Scope, state: PollState, known: Sequence[Known]
    ) -> Found | None:
        """Ask the partner's indexes; None where it has none."""
        source = self.services.source
        everything: list[OmobilityId] | None = None
        try:
            if scope is Scope.SWEEP or (
                scope is Scope.COMPARISON and any(each.shown for each in known)
            ):
                with waiting():
                    everything = await source.index(*asked, modified_since=None)
                if everything is None:
                    return None
            if state.last_success_began_at is None:
                changed = everything
            elif everything == []:  # nothing can have changed
                changed = []
            else:
                overlap = timedelta(seconds=self.services.settings.poll_overlap_seconds)
                since = state.last_success_began_at - overlap
                with waiting():
                    changed = await source.index(*asked, modified_since=since)
        except PartnerFailed as error:
            shown = _by_sender(each for each in known if each.shown)
            await self.refresher.note_failure(asked, shown, error)  # the student sees since when
            if error.after is not None:
                raise Later(error.after) from error
            raise
        if changed is None:
            return None
        listed = None if everything is None else frozenset(everything)
        return Found(changed=frozenset(changed), listed=listed)

    def _wanted(
        self,
        asked: Asked,
        scope: Scope,
        state: PollState,
        known: Sequence[Known],
        found: Found | None,
        now: datetime,
    ) -> dict[HeiId, list[OmobilityId]]:
        """Choose whom to fetch: by sending HEI, in a fixed order."""
        if found is None:  # there is no index: everybody of whom there may be news
            return _by_sender(each for each in known if each.awaited)
        again = now - timedelta(seconds=self.services.settings.safety_poll_seconds)
        before = self._asked_since(state)
        early = None if before is None else before - timedelta(seconds=BUSY_WRITE)

        def is_new(each: Known) -> bool:
            """Whether the index may have listed it before we knew of the mobility.

            One too many is asked for once more than needed; one too few is found by a sweep alone,
            and not before it is awaited: a transcript may have come early.
            """
            is_early = early is not None and each.created_at >= early
            return asked.api in OF_RECEIVING and is_early and not each.shown

        def is_wanted(each: Known) -> bool:
            if each.omobility_id in found.changed:
                return True
            if each.last_error in UNREAD and (
                each.last_attempt_at is None or each.last_attempt_at <= again
            ):
                return True
            if is_new(each):
                return True
            if found.listed is None:
                return False
            if each.omobility_id in found.listed:
                return scope is Scope.SWEEP and each.awaited
            if scope is Scope.SWEEP:
                return each.shown and (each.awaited or not each.doubted)
            return each.shown and not each.doubted  # who is doubted has a job of its own

        wanted = _by_sender(each for each in known if is_wanted(each))
        if asked.api not in OF_RECEIVING:
            ours = {each.omobility_id for each in known}
            listed = found.changed | (
                found.listed or frozenset() if scope is Scope.SWEEP else set()
            )
            if new := sorted(listed - ours):
                wanted.setdefault(asked.hei_id, []).extend(new)
        return wanted

    def _asked_since(self, state: PollState) -> datetime | None:
        """Return from when on a mobility may have been made that the last good poll did not see.

        What was written before that poll may have been committed after it had looked.
        """
        if state.last_success_began_at is None:
            return None
        longest = min(LONGEST_WRITE, self.services.settings.poll_seconds * OF_AN_INTERVAL)
        return state.last_success_began_at - timedelta(seconds=longest)

    def _past(
        self, asked: Asked, state: PollState, known: Sequence[Known]
    ) -> Callable[[HeiId, OmobilityId], bool]:
        """Return what says whether all that is found of a mobility is its past, and nobody's news.

        In a first synchronisation that is everything. A receiving HEI is asked about the mobilities
        that are known: what a first synchronisation of their sender has brought since the last time
        is asked for the first time now.
        """
        before = self._asked_since(state)
        if state.first_sync_done_at is None or before is None:
            return lambda _, __: True
        unasked = {
            (each.sending_hei_id, each.omobility_id)
            for each in known
            if asked.api in OF_RECEIVING and each.found_silently and each.created_at >= before
        }
        return lambda sending, omobility_id: (sending, omobility_id) in unasked

    async def _refresh(
        self,
        asked: Asked,
        ids: Mapping[HeiId, Sequence[OmobilityId]],
        is_past: Callable[[HeiId, OmobilityId], bool],
        *,
        thorough: bool,
    ) -> int:
        """Fetch and take in; return how many mobilities changed."""
        changed = 0
        for sending, of_sender in ids.items():
            past = [each for each in of_sender if is_past(sending, each)]
            # What the partner has just told of is news, and that job's.
            silently = await self._not_announced(asked, sending, past) if past else []
            loudly = [each for each in of_sender if not is_past(sending, each)]
            for silent, here in ((True, silently), (False, loudly)):
                for start in range(0, len(here), BATCH):  # written before the next are read
                    some = here[start : start + BATCH]
                    changed += await self.refresher.refresh(
                        *asked, sending, some, silent=silent, thorough=thorough
                    )
        return changed

    async def _not_announced(
        self, asked: Asked, sending: HeiId, ids: Sequence[OmobilityId]
    ) -> list[OmobilityId]:
        """Leave out the mobilities that a notification's job is about to fetch."""
        keys = {
            Refresh(
                tenant=asked.tenant,
                api=asked.api,
                hei_id=asked.hei_id,
                sending_hei_id=sending,
                omobility_id=each,
            ).dedupe_key: each
            for each in ids
        }
        announced = {keys[each] for each in await alive(self.database, list(keys))}
        return [each for each in ids if each not in announced]


def _by_sender(known: Iterable[Known]) -> dict[HeiId, list[OmobilityId]]:
    found: dict[HeiId, list[OmobilityId]] = {}
    for each in known:
        found.setdefault(each.sending_hei_id, []).append(each.omobility_id)
    return found


def code_of(error: Exception) -> str:
    """Return a stable code for a log: what an unexpected error says may be personal."""
    return error.code if isinstance(error, AppError | EwpError) else type(error).__name__
