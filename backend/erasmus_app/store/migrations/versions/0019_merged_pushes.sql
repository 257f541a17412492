-- Which pushes go out together, and what makes one pointless (docs/decisions/0022).
alter table delivery
    -- The delivery whose job sends this one as well: both are one push.
    add column carried_by uuid,
    -- Whether others of its mobility may still join it while it waits.
    add column merges boolean not null default false,
    -- Kinds of events after which it is dropped, as the catalogue had it when it was told.
    add column obsolete_by text[] not null default '{}';
create index delivery_carried on delivery (carried_by) where carried_by is not null;

-- A reminder is told on the student's own morning. Where an account says another zone, or another
-- account reads as well, the next look was counted by other clocks: look now, and count anew.
create function reader_looks_again() returns trigger language plpgsql as $$
begin
    update mobility set next_look_at = '-infinity'
    where (tenant, person_id) in (
        select tenant, person_id from account_person where account_id = new.account_id);
    return null;
end $$;
create trigger account_in_another_zone after update of zone on account
    for each row when (old.zone <> new.zone) execute function reader_looks_again();

create function mobility_looked_at_again() returns trigger language plpgsql as $$
begin
    update mobility set next_look_at = '-infinity'
    where tenant = new.tenant and person_id = new.person_id;
    return null;
end $$;
create trigger another_reader after insert on account_person
    for each row execute function mobility_looked_at_again();
