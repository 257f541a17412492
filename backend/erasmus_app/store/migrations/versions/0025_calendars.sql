-- Of the secret address only the hash: it has 256 bits of chance, so that no salt is needed.
create table calendar_feed (
    account_id uuid not null references account on delete cascade,
    feed_id uuid not null default gen_random_uuid(),
    secret_sha256 bytea not null unique,
    created_at timestamptz not null,
    fetched_at timestamptz,
    primary key (account_id, feed_id)
);

-- What an account's calendars have seen, so that a change and an end can be told from what is new.
create table calendar_entry (
    account_id uuid not null references account on delete cascade,
    uid text not null,
    content bytea not null,
    sequence integer not null,
    changed_at timestamptz not null,
    cancelled boolean not null,
    primary key (account_id, uid)
);
