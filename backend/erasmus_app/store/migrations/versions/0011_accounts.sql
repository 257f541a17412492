-- What the latest login of an identity brought: names of claims, never values. Its address is sealed.
alter table account_identity
    add column identity_id uuid not null default gen_random_uuid() unique,
    add column received text[] not null default '{}',
    add column missing text[] not null default '{}',
    add column email bytea;

-- Which identity brought which ESI, and whether it still does. account_esi.current says whether any
-- of the account's identities does. The key follows account_esi's when that becomes a hash.
create table identity_esi (
    identity_id uuid not null references account_identity (identity_id) on delete cascade,
    account_id uuid not null,
    esi_key text collate "C" not null,
    current boolean not null default true,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    primary key (identity_id, esi_key),
    foreign key (account_id, esi_key) references account_esi on update cascade on delete cascade
);
create index identity_esi_by_account on identity_esi (account_id, esi_key);
insert into identity_esi (identity_id, account_id, esi_key, current, first_seen_at, last_seen_at)
    select identity_id, account_id, esi_key, current, first_seen_at, last_seen_at
    from account_esi join account_identity using (account_id);

-- Why an ESI makes its account see nothing. elsewhere: an older account has it. case: somebody
-- else's differs from it in letter case alone.
alter table account_esi add column hold text check (hold in ('elsewhere', 'case'));
update account_esi set hold = 'elsewhere' from account_esi older
    where older.esi_key = account_esi.esi_key and older.account_id <> account_esi.account_id
        and (older.first_seen_at, older.account_id)
            < (account_esi.first_seen_at, account_esi.account_id);
delete from account_person seen
    where exists (
        select 1 from account_esi join person_esi using (esi_key)
        where account_esi.account_id = seen.account_id and person_esi.tenant = seen.tenant
            and person_esi.person_id = seen.person_id and hold is not null)
    and not exists (
        select 1 from account_esi join person_esi using (esi_key)
        where account_esi.account_id = seen.account_id and person_esi.tenant = seen.tenant
            and person_esi.person_id = seen.person_id and hold is null);

-- Two accounts of, it may be, one person. check: one ESI turned up at both. waiting: both logins were
-- proved, and a coordinator decides. joined: the newer one's rows are the older one's now; `moved`
-- says which, until they can no longer be given back.
create table account_link (
    link_id uuid primary key default gen_random_uuid(),
    kept_account_id uuid not null references account on delete cascade,
    joined_account_id uuid not null references account on delete cascade,
    state text not null check (state in ('check', 'waiting', 'joined', 'undone', 'refused')),
    evidence text not null,
    begun_at timestamptz not null default now(),
    decided_at timestamptz,
    decided_by uuid,
    moved jsonb,
    check (kept_account_id <> joined_account_id)
);
create unique index account_link_open on account_link (kept_account_id, joined_account_id)
    where state in ('check', 'waiting', 'joined');
create index account_link_by_joined on account_link (joined_account_id);

-- A student says that a mobility is theirs. What the mail's code proves, or an office decides; nobody
-- is told whether there is such a mobility. code_key and mail_key are keyed hashes.
create table mobility_claim (
    claim_id uuid primary key default gen_random_uuid(),
    account_id uuid not null references account on delete cascade,
    sending_hei_id hei_id not null,
    omobility_id network_id not null,
    state text not null default 'open' check (state in ('open', 'granted', 'refused')),
    evidence text check (evidence in ('email', 'decided')),
    begun_at timestamptz not null,
    code_key text collate "C",
    code_until timestamptz,
    tries integer not null default 0,
    mail_key text collate "C",
    mailed_at timestamptz,
    decided_at timestamptz,
    decided_by uuid,
    contradicted_at timestamptz
);
create index mobility_claim_by_account on mobility_claim (account_id, begun_at desc);
create index mobility_claim_by_mobility on mobility_claim (sending_hei_id, omobility_id);

-- A claim names a mobility without a tenant.
create index mobility_by_object on mobility (sending_hei_id, omobility_id);
