-- An account's first screen, as it was last read (store/screens.py). Every change of what is on it
-- takes it away and moves the stamp, so that nobody keeps what was read before the change. A row is
-- rewritten often, and short in between.
create table screen (
    account_id uuid primary key references account on delete cascade,
    stamp bigint not null default 0,
    sealed bytea
) with (fillfactor = 60);
insert into screen (account_id) select account_id from account;

create function screen_made() returns trigger language plpgsql as $$
begin
    insert into screen (account_id) values (new.account_id);
    return null;
end $$;
create trigger screen_made after insert on account for each row execute function screen_made();

create function screen_passed() returns trigger language plpgsql as $$
begin
    update screen set stamp = stamp + 1, sealed = null
    where account_id in (old.account_id, new.account_id);
    return null;
end $$;
create trigger screen_passed after update of language, zone, display_name on account
    for each row execute function screen_passed();
create trigger screen_passed after insert or update or delete on account_identity
    for each row execute function screen_passed();
create trigger screen_passed after insert or update or delete on account_esi
    for each row execute function screen_passed();
create trigger screen_passed after insert or update or delete on account_person
    for each row execute function screen_passed();
create trigger screen_passed after insert or delete on inbox_entry
    for each row execute function screen_passed();
create trigger screen_passed_by_reading
    after update of account_id, kind, mobility_id, arguments, created_at, read_at on inbox_entry
    for each row execute function screen_passed();

create function screen_of_mobility_passed() returns trigger language plpgsql as $$
begin
    update screen set stamp = stamp + 1, sealed = null
    where account_id in (
        select account_id from account_person
        where (tenant, person_id) in ((old.tenant, old.person_id), (new.tenant, new.person_id)));
    return null;
end $$;
create trigger screen_passed after insert or delete on mobility
    for each row execute function screen_of_mobility_passed();
-- Not when a partner has only confirmed it: a version is another whenever a reader could tell.
create trigger screen_passed_by_change after update on mobility
    for each row when (old.version <> new.version or old.person_id <> new.person_id)
    execute function screen_of_mobility_passed();
