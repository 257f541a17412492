-- Who read what of a student, for the student. What the same actor reads of the same object within
-- one hour is one row with a count. tenant is empty where the subject is an account. The subject is
-- an internal id, so that after an erasure the row says nothing about anybody.
create table access_log (
    tenant text collate "C" not null,
    subject_id uuid not null,
    access_id uuid not null default gen_random_uuid(),
    hour timestamptz not null,
    actor_kind text not null check (actor_kind in ('partner', 'staff', 'operator')),
    actor text collate "C" not null, -- HEI id, internal id, or the operator's name
    actor_hei_id text collate "C" not null default '',
    purpose text not null,
    api text not null, -- what was used
    object_id text collate "C" not null default '', -- ours
    outcome text not null check (outcome in ('shown', 'refused')),
    first_at timestamptz not null,
    last_at timestamptz not null,
    times bigint not null default 1,
    primary key (tenant, subject_id, access_id),
    unique (tenant, subject_id, hour, actor_kind, actor, actor_hei_id, purpose, api, object_id,
        outcome)
);
create index access_log_by_time on access_log (hour);

-- What a student allowed beyond what a mobility needs. subject_key is a keyed hash of the account's
-- id from the beginning, so that the proof outlives the account and names nobody.
create table consent (
    subject_key text collate "C" not null,
    consent_id uuid not null default gen_random_uuid(),
    purpose text collate "C" not null,
    version integer not null,
    language text not null,
    text_sha256 bytea not null,
    channel text not null,
    given_at timestamptz not null,
    withdrawn_at timestamptz,
    withdrawn_channel text,
    primary key (subject_key, consent_id),
    check ((withdrawn_at is null) = (withdrawn_channel is null))
);
create unique index consent_open on consent (subject_key, purpose) where withdrawn_at is null;
create index consent_by_end on consent (withdrawn_at) where withdrawn_at is not null;

-- History is not rewritten: the one change there is, is a withdrawal.
create function consent_stays() returns trigger language plpgsql as $$
begin
    if old.withdrawn_at is not null or new.withdrawn_at is null
        or (new.subject_key, new.consent_id, new.purpose, new.version, new.language,
            new.text_sha256, new.channel, new.given_at)
        is distinct from (old.subject_key, old.consent_id, old.purpose, old.version, old.language,
            old.text_sha256, old.channel, old.given_at)
    then
        raise exception 'a consent is withdrawn once, and not changed otherwise';
    end if;
    return new;
end $$;
create trigger consent_stays before update on consent
    for each row execute function consent_stays();

-- Which version of the privacy notice was shown, and when first.
create table notice_seen (
    account_id uuid not null references account on delete cascade,
    version text collate "C" not null,
    seen_at timestamptz not null,
    primary key (account_id, version)
);

-- Archives of what is held of an account, sealed, in parts so that none is in memory as a whole.
create table export (
    account_id uuid not null references account on delete cascade,
    export_id uuid not null default gen_random_uuid(),
    language text not null,
    requested_at timestamptz not null,
    ready_at timestamptz,
    expires_at timestamptz,
    size bigint, -- bytes of the archive
    primary key (account_id, export_id),
    unique (export_id),
    check ((ready_at is null) = (expires_at is null) and (ready_at is null) = (size is null))
);
create index export_by_end on export (expires_at);
create table export_part (
    account_id uuid not null,
    export_id uuid not null,
    part text collate "C" not null, -- a number, as the value is bound to it
    content bytea not null,
    primary key (account_id, export_id, part),
    foreign key (account_id, export_id) references export on delete cascade
);

-- How many rows went because their time was over, by class of data, and when last.
create table retained (
    class text primary key,
    rows bigint not null,
    last_at timestamptz not null
);
