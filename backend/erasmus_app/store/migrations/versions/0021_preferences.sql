-- What a student has chosen of messages (docs/decisions/0024). Habits are personal: it is sealed.
-- Whoever has chosen nothing has no row.
create table preference (
    account_id uuid primary key references account on delete cascade,
    content bytea not null,
    changed_at timestamptz not null default now()
);

alter table delivery
    -- It is told later than it happened: in the morning, in a digest, after a pause.
    add column held_until timestamptz,
    -- What else is held for the device until then goes out with it.
    add column gathers boolean not null default false,
    -- The day of the deadline that it tells: it waits for nothing that comes after.
    add column last_day date,
    drop constraint delivery_state_check,
    add constraint delivery_state_check check (state in (
        'pending', 'accepted', 'failed', 'expired', 'superseded', 'device_gone', 'unwanted'));
create index delivery_held on delivery (account_id, device_id, held_until)
    where held_until is not null and state = 'pending';
