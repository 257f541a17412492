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
