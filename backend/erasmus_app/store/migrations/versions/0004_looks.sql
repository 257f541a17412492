-- What a receiving HEI publishes for all its incoming students. Public, so it belongs to no tenant.
-- value is null where the HEI publishes none, or nothing could be read yet.
create table factsheet (
    hei_id hei_id primary key,
    asked_as hei_id not null,
    value jsonb,
    xml bytea,
    sha256 bytea,
    signed_by text,
    revision integer not null default 0,
    fetched_at timestamptz,
    last_confirmed_at timestamptz,
    last_attempt_at timestamptz not null,
    last_error text,
    failures integer not null default 0
);

-- When a mobility is to be looked at again: at once after a change, else on the day of the next
-- reminder; null while nothing is due. What the latest look saw tells what has moved since.
-- look_silently: what is due was due before we knew the mobility, so that it is noted and not told.
alter table mobility
    add column next_look_at timestamptz default '-infinity',
    add column look_silently boolean not null default true,
    add column seen jsonb;
alter table mobility alter column look_silently set default false;
create index mobility_by_look on mobility (next_look_at) where next_look_at is not null;
create index mobility_by_host on mobility (receiving_hei_id);
