-- What a university's office asks for first, beside each record (mobilities/waits.py, papers.py): who
-- has to act, since when (infinity: nobody, or nobody can tell), in which academic year, and whether
-- the student's papers have an ESI. waits_until: the first day, by UTC, on which the calendar may say
-- otherwise; the worker computes it anew then, and at once for what was written before there were
-- these columns.
alter table mobility
    add column waits_for text check (
        waits_for in ('student', 'sending-hei', 'receiving-hei', 'nobody')),
    add column waiting_since timestamptz not null default 'infinity',
    add column waits_until date default '-infinity',
    add column academic_year text collate "C",
    add column esi_state text check (esi_state in ('present', 'missing', 'invalid'));
create index mobility_by_turn on mobility (waits_until) where waits_until is not null;

-- A page of an office's list is a piece of this index, whatever it is narrowed down to: what does not
-- fit is left out before its row is read. store/offices.py asks in the same words.
create index mobility_by_wait on mobility (
    tenant, waiting_since, mobility_id, waits_for, academic_year,
    (case when sending_hei_id = tenant then 'outgoing' else 'incoming' end),
    (case when sending_hei_id = tenant then receiving_hei_id else sending_hei_id end));
create index mobility_by_broken_esi on mobility (tenant, waiting_since, mobility_id)
    where esi_state in ('missing', 'invalid');

-- How the calls of a covered HEI to a partner went, by the API's manifest element: for its office.
-- left_alone_until: until when nobody asks, as the process said that found it silent.
create table partner_health (
    tenant hei_id not null,
    hei_id hei_id not null,
    api text collate "C" not null,
    last_success_at timestamptz,
    last_failure_at timestamptz,
    last_failure text collate "C", -- a stable code
    failures integer not null default 0, -- in a row
    left_alone_until timestamptz,
    primary key (tenant, hei_id, api),
    check ((last_failure is null) = (last_failure_at is null))
);
insert into partner_health (tenant, hei_id, api, last_success_at, last_failure_at, last_failure,
        failures)
    select tenant, hei_id, api, last_success_began_at,
        case when last_error is not null then last_attempt_at end,
        case when last_attempt_at is not null then last_error end, failures
    from poll_state;
create index source_document_unread on source_document (tenant, hei_id, api)
    where last_error is not null;
create index quarantine_by_partner on quarantine (tenant, hei_id, api, last_seen_at desc);
