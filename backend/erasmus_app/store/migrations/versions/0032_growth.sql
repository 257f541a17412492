-- What grows with students can be divided by tenant or account (docs/decisions/0043): each unique
-- constraint of such a table has that column in it, and so has each reference to it.

-- A delivery's id is made from its message, device and channel: unique by how it is made.
alter table delivery drop constraint delivery_pkey;
alter table delivery add primary key (account_id, delivery_id);
create index delivery_by_id on delivery (delivery_id);
alter table delivery drop constraint delivery_inbox_entry_id_device_id_channel_key;
alter table delivery
    add constraint delivery_once unique (account_id, inbox_entry_id, device_id, channel);

-- A mobility's id is drawn by chance.
alter table webhook_delivery add column person_id uuid;
update webhook_delivery as told set person_id = mobility.person_id
from mobility where mobility.mobility_id = told.mobility_id;
alter table webhook_delivery alter column person_id set not null;
alter table webhook_delivery drop constraint webhook_delivery_mobility_id_fkey;
alter table webhook_delivery
    add foreign key (tenant, person_id, mobility_id) references mobility
    on update cascade on delete cascade;
alter table mobility drop constraint mobility_mobility_id_key;
create index mobility_by_id on mobility (mobility_id);

-- Where the planner joins row by row, as it does over partitions, places were drawn again for each.
create or replace function inbox_entry_placed() returns trigger language plpgsql as $$
begin
    perform from inbox_entry where account_id = new.account_id and place is null;
    if not found then -- the first of them has seen to all that are the account's
        return null;
    end if;
    perform pg_advisory_xact_lock(15, 1); -- of two numbers: no other lock of ours is of this kind
    with ordered as materialized (
        select inbox_entry_id, nextval('inbox_place') as place from (
            select inbox_entry_id from inbox_entry
            where account_id = new.account_id and place is null
            order by created_at, inbox_entry_id
        ) as entries
    )
    update inbox_entry set place = ordered.place from ordered
    where account_id = new.account_id and inbox_entry.inbox_entry_id = ordered.inbox_entry_id;
    perform pg_notify('inbox_written', new.account_id::text);
    return null;
end $$;
