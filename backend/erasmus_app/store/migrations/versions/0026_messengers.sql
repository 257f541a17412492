-- A sender in a messenger is looked up by a keyed hash; its id is sealed.
create table chat_link (
    account_id uuid not null references account on delete cascade,
    link_id uuid not null default gen_random_uuid(),
    messenger text not null,
    sender_key text not null unique,
    sender bytea not null,
    linked_at timestamptz not null,
    used_on date,
    primary key (account_id, link_id)
);

-- One code an account; of it only a keyed hash, and how many there were since when.
create table chat_link_code (
    account_id uuid primary key references account on delete cascade,
    code_key text unique,
    expires_at timestamptz not null,
    window_began timestamptz not null,
    made integer not null
);

-- Messages that came: the content until it is answered, the hash of the id for two days, so that
-- what is sent again is known.
create table chat_message (
    message_key text primary key,
    sender_key text not null,
    content bytea,
    seen_at timestamptz not null
);
create index chat_message_seen on chat_message (seen_at);
create index chat_message_sender on chat_message (sender_key) where content is not null;
