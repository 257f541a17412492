-- On a busy morning a tenth of these rows changes within a minute or two, and PostgreSQL would look
-- each time how their values are distributed: for up to half a second of a core, in which apps
-- wait. How they are distributed stays what it was, so it is enough to look when they have changed
-- as often as there are rows. A setting is of a table with rows, so of each partition.
do $$
declare
    one regclass;
begin
    for one in
        select pg_class.oid
        from unnest(array[
            'delivery', 'device', 'event', 'inbox_entry', 'job', 'mobility', 'screen', 'session',
            'source_document', 'spent_refresh']::regclass[]) as whole
        left join pg_inherits on inhparent = whole
        join pg_class on pg_class.oid = coalesce(inhrelid, whole)
        where relkind = 'r'
    loop
        execute format('alter table %s set (autovacuum_analyze_scale_factor = 1)', one);
    end loop;
end $$;
