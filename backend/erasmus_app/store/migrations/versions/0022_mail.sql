-- Messages by e-mail (docs/decisions/0025).

-- An address that an account has asked for: one that is confirmed, at most, and one that waits for
-- its code. Those that are removed stay for a day without the address, so that they are counted.
create table mail_address (
    address_id uuid primary key default gen_random_uuid(),
    account_id uuid not null references account on delete cascade,
    address bytea,
    -- A keyed hash, by which it is counted how often a code was mailed there, whoever asked.
    address_key text not null,
    asked_at timestamptz not null,
    mailed_at timestamptz,
    code_key text,
    code_until timestamptz not null,
    tries integer not null default 0,
    confirmed_at timestamptz,
    -- Whoever reads the mails there wants no more of them.
    stopped_at timestamptz,
    -- Its server says that there is no such mailbox; the address is forgotten.
    gone_at timestamptz,
    removed_at timestamptz,
    refusals integer not null default 0,
    check (removed_at is null or address is null)
);
create index mail_address_by_account on mail_address (account_id, asked_at desc);
create index mail_address_by_key on mail_address (address_key, mailed_at);
create unique index mail_address_confirmed on mail_address (account_id)
    where confirmed_at is not null and removed_at is null;

-- A message that is mailed to its account, unless somebody sees it before.
create table mail_delivery (
    account_id uuid not null references account on delete cascade,
    inbox_entry_id uuid not null,
    planned_at timestamptz not null,
    -- The mail that it goes out with. Who dies while sending it sends the same one again.
    mail_id uuid,
    attempts integer not null default 0,
    last_error text,
    state text not null default 'pending'
        check (state in ('pending', 'sent', 'dropped', 'expired', 'failed')),
    finished_at timestamptz,
    primary key (account_id, inbox_entry_id),
    foreign key (account_id, inbox_entry_id) references inbox_entry on delete cascade
);
create index mail_delivery_pending on mail_delivery (account_id) where state = 'pending';

-- Mails that wait are looked at anew: where the last device goes, so that nothing is left on which
-- a message could be seen, and where the student wants something else.
create function mails_looked_at() returns trigger language plpgsql as $$
declare
    who uuid := case when tg_op = 'DELETE' then old.account_id else new.account_id end;
begin
    if tg_table_name <> 'device' or not exists (select from device where account_id = who) then
        update job set again = leased_by is not null,
            due = case when leased_by is null or again then least(due, now()) else now() end
        where dedupe_key = 'mail ' || who and dead_at is null;
    end if;
    return null;
end $$;
create trigger last_device_gone after delete on device
    for each row execute function mails_looked_at();
create trigger other_wishes after insert or update on preference
    for each row execute function mails_looked_at();
