-- The rhythm of each poll outlives a restart. last_index_at: when the latest poll began that went by
-- an index and succeeded; what it did not list as changed is confirmed as of then.
alter table poll_state
    add column interval_seconds double precision,
    add column failures integer not null default 0,
    add column last_index_at timestamptz;

-- awaited: by API, from when and until when it may still bring news ([null, null]: no bounds; an API
-- that is not there: none). No value at all: written before there was this column, so anything may.
-- found_silently: a first synchronisation brought it, so that its past is nobody's news.
alter table mobility
    add column awaited jsonb,
    add column found_silently boolean not null default false,
    add column created_at timestamptz not null default now();
update mobility set created_at = changed_at;
create index mobility_by_receiving on mobility (tenant, receiving_hei_id);

-- When an object was last fetched because its partner told us to. Only a minute of it counts, so it
-- need not outlive a crash.
create unlogged table recent_fetch (
    tenant hei_id not null,
    api text not null,
    hei_id hei_id not null,
    sending_hei_id hei_id not null,
    object_id network_id not null,
    fetched_at timestamptz not null,
    primary key (tenant, api, hei_id, sending_hei_id, object_id)
);
create index recent_fetch_by_time on recent_fetch (fetched_at);

-- Jobs of one batch are handed to a worker together: one call to a partner for many ids.
alter table job add column batch text collate "C" generated always as (
    case kind when 'refresh' then
        (payload ->> 'tenant') || ' ' || (payload ->> 'hei_id') || ' ' || (payload ->> 'api')
        || ' ' || (payload ->> 'sending_hei_id')
    end
) stored;
create index job_batch on job (batch, due)
    where batch is not null and dead_at is null and leased_by is null;
