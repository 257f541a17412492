-- Which pushes go out together, and what makes one pointless (docs/decisions/0022).
alter table delivery
    -- The delivery whose job sends this one as well: both are one push.
    add column carried_by uuid,
    -- Whether others of its mobility may still join it while it waits.
    add column merges boolean not null default false,
    -- Kinds of events after which it is dropped, as the catalogue had it when it was told.
    add column obsolete_by text[] not null default '{}';
create index delivery_carried on delivery (carried_by) where carried_by is not null;
