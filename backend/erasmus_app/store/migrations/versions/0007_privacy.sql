-- Personal columns hold sealed values (store/sealed.py). A zero byte stands before what is still in
-- clear; the program, which has the keys, seals it in the same transaction (store/sealing.py). The
-- keys of look-ups (esi_key, student_key, target_key) become keyed hashes on that occasion.
alter table account
    alter column display_name type bytea using '\x00'::bytea || convert_to(display_name, 'UTF8'),
    alter column email type bytea using '\x00'::bytea || convert_to(email, 'UTF8');
alter table account_esi
    alter column esi type bytea using '\x00'::bytea || convert_to(esi, 'UTF8');
alter table person_esi
    alter column esi type bytea using '\x00'::bytea || convert_to(esi, 'UTF8');
alter table source_document
    alter column xml type bytea using '\x00'::bytea || xml;
alter table own_object
    alter column xml type bytea using '\x00'::bytea || xml;
update own_object set student_key = 'clear ' || student_key where student_key is not null;
alter table own_decision
    alter column comment type bytea using '\x00'::bytea || convert_to(comment, 'UTF8'),
    alter column request type bytea using '\x00'::bytea || request;
alter table event
    alter column detail type bytea using '\x00'::bytea || convert_to(detail::text, 'UTF8');
alter table inbox_entry
    alter column arguments type bytea using '\x00'::bytea || convert_to(arguments::text, 'UTF8');

alter table device add column target_key text collate "C";
update device set target_key = target;
alter table device
    drop constraint device_target_kind_target_key,
    alter column target type bytea using '\x00'::bytea || convert_to(target, 'UTF8'),
    alter column target_key set not null,
    add constraint device_target unique (target_kind, target_key);

-- record keeps the frame (store/sealed_records.py): sources, and what is counted.
alter table mobility add column sealed bytea;
update mobility set sealed = '\x00'::bytea || convert_to(record::text, 'UTF8');
alter table mobility alter column sealed set not null;

-- Which keys there are values of: a start without one of them fails, and loses nothing. What a key
-- has sealed proves that it is the same one.
create table data_key (
    kind text not null check (kind in ('data', 'lookup')),
    key_id text collate "C" not null,
    proof bytea not null,
    first_used_at timestamptz not null default now(),
    primary key (kind, key_id)
);

-- A student's wish to be forgotten, and afterwards the proof that it was done. What was erased is in
-- counts by table; account_id goes with the account.
create table erasure (
    erasure_id uuid primary key default gen_random_uuid(),
    account_id uuid,
    requested_at timestamptz not null,
    due_at timestamptz not null,
    cancelled_at timestamptz,
    executed_at timestamptz,
    counts jsonb,
    sha256 bytea,
    check (executed_at is null or (counts is not null and sha256 is not null))
);
create unique index erasure_open on erasure (account_id)
    where cancelled_at is null and executed_at is null;

-- Keyed hashes of the ESIs and mobilities of the erased: what a poll brings of them is left out until
-- then.
create table forgotten (
    key text collate "C" primary key,
    until timestamptz not null
);
create index forgotten_by_time on forgotten (until);
