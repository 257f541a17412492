-- The oldest program that may work with the tables as they are, by the version that it was written
-- for. A migration that takes away what an older one reads writes it anew (docs/decisions/0037).
create table schema_reach (
    only_row boolean primary key default true check (only_row),
    oldest text not null
);
insert into schema_reach (oldest) values ('0027');
