-- Jobs that were given up, and deliveries that ended by our fault: few, and looked for at night.
create index job_dead on job (kind, last_error, dead_at) where dead_at is not null;
create index delivery_failed on delivery (finished_at, delivery_id) where state = 'failed';

-- What operators did by command: who, what, and to how many rows. Nothing of students.
create table operator_log (
    operator_log_id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null,
    command text not null,
    rows integer not null
);
create index operator_log_at on operator_log (at);

-- A device that has not been heard of for long gets no pushes until it is: alive is
-- `quiet_since is null`. The sweep sets it, whatever is heard of the device takes it away.
alter table device add column quiet_since timestamptz;
create index device_by_last_seen on device (last_seen_at);

-- What happened, on its way to an app of a university's own; written with the event.
create table webhook_delivery (
    webhook_id uuid primary key default gen_random_uuid(),
    tenant hei_id not null,
    endpoint text collate "C" not null,
    mobility_id uuid not null references mobility (mobility_id) on delete cascade,
    event_id uuid not null,
    kind text not null,
    place bigint generated always as identity,
    state text not null default 'pending'
        check (state in ('pending', 'accepted', 'failed', 'expired')),
    attempts integer not null default 0,
    last_error text,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    finished_at timestamptz,
    unique (tenant, endpoint, event_id)
);
create index webhook_by_mobility on webhook_delivery (mobility_id, place);
create index webhook_ended on webhook_delivery (tenant, endpoint)
    where state in ('failed', 'expired');

-- Endpoints that have said 410: they are told nothing until their address changes, or an operator
-- says so.
create table webhook_disabled (
    tenant hei_id not null,
    endpoint text collate "C" not null,
    url text not null,
    disabled_at timestamptz not null default now(),
    primary key (tenant, endpoint)
);
