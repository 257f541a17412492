-- What `/metrics` counts is read from an index alone (docs/decisions/0039): how much waits, and for
-- how long, whatever has come to an end.
create index delivery_outbox on delivery (channel, held_until, created_at)
    where state = 'pending' and carried_by is null;
create index job_waiting on job (kind, due)
    where kind <> 'deliver' and dead_at is null and leased_by is null;
create index job_running on job (kind)
    where kind <> 'deliver' and dead_at is null and leased_by is not null;
create index device_by_kind on device (target_kind, quiet_since);
create index poll_state_by_success on poll_state (api, last_success_began_at);

-- When the notification came that a delivery goes back to; the transaction says it.
alter table delivery add column heard_at timestamptz
    default nullif(current_setting('erasmus.heard_at', true), '')::timestamptz;
