"""The worker over the services: a handler for each kind of job, and what runs beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from erasmus_app.bootstrap import Running
from erasmus_app.bootstrap.beside import beside
from erasmus_app.bootstrap.mailing import mailer
from erasmus_app.bootstrap.publishing import published_by_heis
from erasmus_app.mobilities.own import ANNOUNCE
from erasmus_app.mobilities.refreshes import REFRESH
from erasmus_app.notifications.catalogue import catalogue_folder
from erasmus_app.partners.monitoring import REPORT
from erasmus_app.privacy.exports import EXPORT
from erasmus_app.privacy.retention import Keeping
from erasmus_app.privacy.words import load_archive_words
from erasmus_app.store.chat_messages import CHAT_MESSAGE, CHAT_ROOM, ChatMessageTable
from erasmus_app.store.claims import MAIL, ClaimTable
from erasmus_app.store.database import open_database
from erasmus_app.store.deadline_rules import LOOK_AGAIN
from erasmus_app.store.deliveries import DeliveryTable
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.erasures import ERASE, ErasureTable
from erasmus_app.store.exports import ExportTable
from erasmus_app.store.jobs import JobQueue
from erasmus_app.store.links import MAIL_LINKED, LinkTable
from erasmus_app.store.looks import LookTable
from erasmus_app.store.mail_addresses import MAIL_CODE, MailAddressTable
from erasmus_app.store.mails import MAIL as MAIL_MESSAGES
from erasmus_app.store.outbox import Outbox
from erasmus_app.store.own_objects import OwnObjectTable
from erasmus_app.store.retention import RetentionTable
from erasmus_app.store.syncs import SYNC, SyncTable
from erasmus_app.store.versions import see_tables
from erasmus_app.store.webhooks import WEBHOOK, WebhookTable
from erasmus_app.telemetry.lag import watch_loop
from erasmus_app.worker import mails, report
from erasmus_app.worker.announce import Announcer
from erasmus_app.worker.archive import Archivist
from erasmus_app.worker.chat_message import ChatAnswerer, RoomJoiner
from erasmus_app.worker.claim import ClaimMailer
from erasmus_app.worker.deliver import Deliverer
from erasmus_app.worker.erase import Eraser
from erasmus_app.worker.export import Exporter
from erasmus_app.worker.linked import LinkMailer
from erasmus_app.worker.look_again import LookingAgain
from erasmus_app.worker.loop import Worker, lane_limit
from erasmus_app.worker.mails import CodeMailer
from erasmus_app.worker.pace import Pace
from erasmus_app.worker.poll import PLAN, POLL, Poller
from erasmus_app.worker.refresh import Refresher
from erasmus_app.worker.remind import REMIND, Reminder
from erasmus_app.worker.report import Reporter
from erasmus_app.worker.retain import RETAIN, Retainer
from erasmus_app.worker.sending import Sending
from erasmus_app.worker.sweep import SWEEP, Sweeper
from erasmus_app.worker.sync import Syncer
from erasmus_app.worker.webhook import WebhookSender

SENDING = 2  # connections to the database for pushes by ones and twos, and as many for hundreds


@asynccontextmanager
async def worker_of(app: Running) -> AsyncIterator[Worker]:
    """Run a worker over the services until the block is left.

    Raises:
        EngineFailed: the tables are not yet those that it was written for.
    """
    await see_tables(app.database)
    services, tables, records = app.services, app.database, app.records
    pace = Pace(services.settings.worker_least_share)
    refresher = Refresher(services, records, pace)
    poller = Poller(services, tables, records, refresher)
    published = published_by_heis(
        services, tables, records, app.factsheets, app.institutions, app.agreements
    )
    reminder = Reminder(services, records, LookTable(tables), app.factsheets)
    retainer = Retainer(RetentionTable(tables, Keeping.of(services.settings)), services.clock)
    sweeper = Sweeper(
        DeviceTable(tables),
        timedelta(days=services.settings.device_quiet_days),
        timedelta(days=services.settings.device_gone_days),
    )
    queue = JobQueue(tables)
    concurrency = services.settings.worker_concurrency
    worker = Worker(
        queue=queue,
        handlers={
            REFRESH: refresher,
            POLL: poller.poll,
            PLAN: poller.plan,
            **published.handlers,
            ERASE: Eraser(ErasureTable(tables), services.clock),
            EXPORT: Exporter(
                ExportTable(tables),
                Archivist(
                    words=load_archive_words(catalogue_folder()),
                    messages=services.messages,
                    names=services.names,
                ),
                services.clock,
            ),
            RETAIN: retainer,
            SWEEP: sweeper,
            REMIND: reminder,
            LOOK_AGAIN: LookingAgain(tables),
            MAIL_LINKED: LinkMailer(services, LinkTable(tables)),
            MAIL: ClaimMailer(services, ClaimTable(tables)),
            MAIL_CODE: CodeMailer(services, MailAddressTable(tables)),
            MAIL_MESSAGES: mailer(services, tables),
            SYNC: Syncer(services, SyncTable(tables)),
            WEBHOOK: WebhookSender(WebhookTable(tables), app.webhooks, services.clock),
            CHAT_MESSAGE: ChatAnswerer(ChatMessageTable(tables), services.desk, services.clock),
            CHAT_ROOM: RoomJoiner(services.desk),
            REPORT: Reporter(app.monitoring),
            ANNOUNCE: Announcer(services, OwnObjectTable(tables)),
        },
        limits={
            REPORT: report.AT_ONCE,
            MAIL_MESSAGES: mails.AT_ONCE,
            WEBHOOK: lane_limit(concurrency),
            CHAT_MESSAGE: lane_limit(concurrency),
            MAIL: lane_limit(concurrency),
            MAIL_CODE: lane_limit(concurrency),
        },
        concurrency=concurrency,
        lease=timedelta(seconds=services.settings.job_lease_seconds),
        pace=pace,
    )
    stop = asyncio.Event()
    await app.own_systems.read()
    for recurring in (poller, *published.recurring, reminder, retainer, sweeper):
        await recurring.start()
    async with (
        beside(app.own_systems.keep_reading()),
        beside(watch_loop()),
        beside(pace.keep(app.crowding)),
        open_database(tables.dsn, tables.keys, direct=tables.direct, size=SENDING) as few,
        open_database(
            tables.dsn, tables.keys, direct=tables.direct, size=SENDING, fresh_plans=True
        ) as many,
    ):
        sending = Sending(
            deliverer=Deliverer(
                services, few, DeliveryTable(few, many), services.settings.merge_for
            ),
            queue=JobQueue(few),
            outbox=Outbox(few, many),
            lease=worker.lease,
            pace=pace,
        )
        tasks = [asyncio.create_task(each.run(stop)) for each in (worker, sending)]
        try:
            yield worker
        finally:
            stop.set()
            await asyncio.gather(*tasks)
