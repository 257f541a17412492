-- What a page was read from beside its first answer. Factsheets are read anew at once: their links
-- were kept without their languages, and what is said of accessibility not at all.
alter table factsheet add column more_xml bytea[] not null default '{}';
update job set due = now() where kind = 'factsheet' and dead_at is null;
