-- Changes tell of themselves, in their own transaction, whichever way they are made: API processes
-- listen on behalf of who waits (store/news.py). A payload is an account's id or an HEI's.
create function record_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('record_changed', account_id::text) from account_person
    where (tenant, person_id) in ((old.tenant, old.person_id), (new.tenant, new.person_id));
    return null;
end $$;
create trigger mobility_came_or_went after insert or delete on mobility
    for each row execute function record_changed();
create trigger mobility_changed after update on mobility
    for each row when (old.version <> new.version or old.person_id <> new.person_id)
    execute function record_changed();

create function reader_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('record_changed', coalesce(new.account_id, old.account_id)::text);
    return null;
end $$;
create trigger reader_came_or_went after insert or delete on account_person
    for each row execute function reader_changed();

create function factsheet_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('factsheet_changed', new.hei_id);
    return null;
end $$;
create trigger factsheet_came after insert on factsheet
    for each row execute function factsheet_changed();
create trigger factsheet_changed after update on factsheet
    for each row when (old.revision <> new.revision) execute function factsheet_changed();

-- Where a message stands in its account's inbox: behind all that could be read before it. created_at
-- is when a transaction began, so that a message may come to light after a later one; who reads on
-- from the latest that they have would miss it. The place is given when the transaction is about to
-- commit, one transaction after the other until it has: as a NOTIFY makes them queue anyway. Those
-- of one transaction stand in the order in which the inbox shows them.
create sequence inbox_place;
alter table inbox_entry add column place bigint;
update inbox_entry set place = ordered.place from (
    select account_id, inbox_entry_id, nextval('inbox_place') as place from (
        select account_id, inbox_entry_id from inbox_entry order by created_at, inbox_entry_id
    ) as entries
) as ordered
where inbox_entry.account_id = ordered.account_id
    and inbox_entry.inbox_entry_id = ordered.inbox_entry_id;
create index inbox_entry_by_place on inbox_entry (account_id, place);

create function inbox_entry_placed() returns trigger language plpgsql as $$
begin
    perform from inbox_entry where account_id = new.account_id and place is null;
    if not found then -- the first of them has seen to all that are the account's
        return null;
    end if;
    perform pg_advisory_xact_lock(15, 1); -- of two numbers: no other lock of ours is of this kind
    update inbox_entry set place = ordered.place from (
        select inbox_entry_id, nextval('inbox_place') as place from (
            select inbox_entry_id from inbox_entry
            where account_id = new.account_id and place is null
            order by created_at, inbox_entry_id
        ) as entries
    ) as ordered
    where account_id = new.account_id and inbox_entry.inbox_entry_id = ordered.inbox_entry_id;
    perform pg_notify('inbox_written', new.account_id::text);
    return null;
end $$;
create constraint trigger inbox_entry_placed after insert on inbox_entry
    deferrable initially deferred
    for each row execute function inbox_entry_placed();
