-- Tables that grow with students lead with tenant and person (or account), so that partitions,
-- replicas or a distributed PostgreSQL can take over without a rewrite. Ids of the network compare
-- byte by byte: every such column has collation "C".

create domain hei_id as text collate "C" check (value = lower(value) and value <> '');
create domain network_id as text collate "C" check (value <> '');

-- A student as one tenant's data knows them.
create table person (
    tenant hei_id not null,
    person_id uuid not null default gen_random_uuid(),
    created_at timestamptz not null default now(),
    primary key (tenant, person_id)
);

-- ESIs seen for a person; esi_key is the trimmed lower-case form that is compared.
create table person_esi (
    tenant hei_id not null,
    esi_key text collate "C" not null,
    person_id uuid not null,
    esi text collate "C" not null,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    primary key (tenant, esi_key),
    foreign key (tenant, person_id) references person on delete cascade
);
create index person_esi_by_key on person_esi (esi_key);

-- The consolidated record of one mobility as one document with a version.
create table mobility (
    tenant hei_id not null,
    person_id uuid not null,
    mobility_id uuid not null default gen_random_uuid(),
    sending_hei_id hei_id not null,
    omobility_id network_id not null,
    receiving_hei_id hei_id not null,
    version bigint not null default 1,
    record jsonb not null,
    changed_at timestamptz not null default now(),
    primary key (tenant, person_id, mobility_id),
    unique (tenant, sending_hei_id, omobility_id),
    unique (mobility_id),
    foreign key (tenant, person_id) references person on delete cascade
);

-- What a partner sent, as sent. One row per object of an API; the last good copy stays.
create table source_document (
    tenant hei_id not null,
    api text not null,
    hei_id hei_id not null,
    sending_hei_id hei_id not null,
    object_id network_id not null,
    major integer not null,
    xml bytea,
    sha256 bytea,
    signed_by text,
    fetched_at timestamptz,
    last_confirmed_at timestamptz,
    missing_since timestamptz,
    revision integer not null default 1,
    last_attempt_at timestamptz,
    last_error text,
    primary key (tenant, api, hei_id, sending_hei_id, object_id)
);

-- What did not parse or did not fit: its fingerprint and why. Never personal data.
create table quarantine (
    quarantine_id bigint generated always as identity primary key,
    tenant hei_id not null,
    api text not null,
    hei_id hei_id not null,
    object_id network_id,
    sha256 bytea not null,
    size bigint not null,
    reason text not null,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    times integer not null default 1,
    unique (tenant, api, hei_id, sha256)
);

-- Where the poller stands with each partner. silent: the first complete synchronisation is not over.
create table poll_state (
    tenant hei_id not null,
    hei_id hei_id not null,
    api text not null,
    last_success_began_at timestamptz,
    last_full_sweep_at timestamptz,
    first_sync_done_at timestamptz,
    last_attempt_at timestamptz,
    last_error text,
    primary key (tenant, hei_id, api)
);

-- What happened, told once. The id is deterministic; append-only.
create table event (
    tenant hei_id not null,
    person_id uuid not null,
    event_id uuid not null,
    mobility_id uuid not null,
    step text not null,
    kind text not null,
    detail jsonb not null,
    silent boolean not null default false,
    happened_at timestamptz not null default now(),
    primary key (tenant, person_id, event_id)
);
create index event_by_mobility on event (tenant, person_id, mobility_id, happened_at);

-- Login identities by issuer and subject.
create table account (
    account_id uuid primary key default gen_random_uuid(),
    language text not null default 'en',
    zone text not null default 'Europe/Brussels',
    display_name text,
    email text,
    created_at timestamptz not null default now(),
    last_login_at timestamptz
);
create table account_identity (
    issuer text collate "C" not null,
    subject text collate "C" not null,
    account_id uuid not null references account on delete cascade,
    home_hei_ids text[] not null default '{}',
    affiliations text[] not null default '{}',
    first_login_at timestamptz not null default now(),
    last_login_at timestamptz not null default now(),
    primary key (issuer, subject)
);
create index account_identity_by_account on account_identity (account_id);
create table account_esi (
    account_id uuid not null references account on delete cascade,
    esi_key text collate "C" not null,
    esi text collate "C" not null,
    current boolean not null default true,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    primary key (account_id, esi_key)
);
create index account_esi_by_key on account_esi (esi_key);

-- An account's persons: whom it may see. Made at login and when a person appears later.
create table account_person (
    account_id uuid not null references account on delete cascade,
    tenant hei_id not null,
    person_id uuid not null,
    linked_at timestamptz not null default now(),
    primary key (account_id, tenant, person_id),
    foreign key (tenant, person_id) references person on delete cascade
);
create index account_person_by_person on account_person (tenant, person_id);

-- A signed-in app or browser. Refresh tokens rotate; only hashes are kept.
create table session (
    session_id uuid primary key default gen_random_uuid(),
    account_id uuid not null references account on delete cascade,
    kind text not null check (kind in ('app', 'browser')),
    refresh_sha256 bytea unique,
    previous_refresh_sha256 bytea,
    created_at timestamptz not null default now(),
    refreshed_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz
);
create index session_by_account on session (account_id);

-- What the student reads; the truth behind every push.
create table inbox_entry (
    account_id uuid not null references account on delete cascade,
    inbox_entry_id uuid not null,
    tenant hei_id not null,
    mobility_id uuid,
    event_id uuid not null,
    kind text not null,
    arguments jsonb not null,
    created_at timestamptz not null default now(),
    read_at timestamptz,
    primary key (account_id, inbox_entry_id),
    unique (account_id, event_id)
);
create index inbox_entry_by_time on inbox_entry (account_id, created_at desc);

create table device (
    account_id uuid not null references account on delete cascade,
    device_id uuid not null default gen_random_uuid(),
    platform text not null check (platform in ('android', 'ios', 'web')),
    target_kind text not null check (target_kind in ('fid', 'token')),
    target text collate "C" not null,
    language text,
    registered_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    primary key (account_id, device_id),
    unique (target_kind, target)
);

-- One message on its way to one device over one channel, until it has a final state.
create table delivery (
    delivery_id uuid primary key,
    account_id uuid not null references account on delete cascade,
    inbox_entry_id uuid not null,
    device_id uuid not null,
    channel text not null,
    state text not null default 'pending'
        check (state in ('pending', 'accepted', 'failed', 'expired', 'superseded', 'device_gone')),
    attempts integer not null default 0,
    last_error text,
    provider_id text,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    finished_at timestamptz,
    unique (inbox_entry_id, device_id, channel),
    foreign key (account_id, inbox_entry_id) references inbox_entry on delete cascade
);
create index delivery_by_account on delivery (account_id, created_at desc);

-- Work: fetches, polls, pushes, reminders, sweeps. Written in the transaction of the change.
create table job (
    job_id bigint generated always as identity primary key,
    kind text not null,
    payload jsonb not null,
    dedupe_key text collate "C",
    due timestamptz not null default now(),
    requested_at timestamptz not null default now(),
    again boolean not null default false,
    attempts integer not null default 0,
    lease_until timestamptz,
    leased_by uuid,
    last_error text,
    dead_at timestamptz
);
create unique index job_dedupe on job (dedupe_key) where dedupe_key is not null and dead_at is null;
create index job_due on job (due) where dead_at is null;

-- What was refused at the door, by reason; numbers only.
create table refusal (
    tenant hei_id not null,
    api text not null,
    reason text not null,
    day date not null,
    times bigint not null default 1,
    primary key (tenant, api, reason, day)
);
