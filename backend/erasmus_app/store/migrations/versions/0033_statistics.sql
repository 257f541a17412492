-- No row is looked for by these, and PostgreSQL would unpack and sort 30,000 of them each time it
-- looks how they are distributed: 0.39 s of a core for values of 900 bytes, in which apps wait, and
-- 0.08 s without.
alter table mobility
    alter column record set statistics 0,
    alter column seen set statistics 0,
    alter column sealed set statistics 0;
alter table source_document alter column xml set statistics 0;
alter table own_object alter column xml set statistics 0;
alter table factsheet alter column value set statistics 0, alter column xml set statistics 0;
alter table institution alter column value set statistics 0;
alter table agreement_copy alter column value set statistics 0;
alter table event alter column detail set statistics 0;
alter table screen alter column sealed set statistics 0;
alter table calendar_entry alter column content set statistics 0;
alter table chat_message alter column content set statistics 0;
alter table export_part alter column content set statistics 0;
