-- Rules of deadlines that a covered HEI sets, a row each version: the newest counts, and says so where
-- the rule is no more. Writers take turns (an advisory lock), so that `revision` grows as they commit.
create table deadline_rule (
    tenant hei_id not null,
    rule_id uuid not null,
    version integer not null check (version > 0),
    content jsonb not null,
    ended boolean not null default false,
    changed_at timestamptz not null,
    changed_by uuid references account on delete set null,
    revision bigint not null generated always as identity,
    primary key (tenant, rule_id, version)
);
create unique index deadline_rule_by_id on deadline_rule (rule_id, version);
create unique index deadline_rule_by_revision on deadline_rule (revision);
create index deadline_rule_by_editor on deadline_rule (changed_by) where changed_by is not null;

create function deadline_rule_stays() returns trigger language plpgsql as $$
begin
    if (to_jsonb(new) - 'changed_by') is distinct from (to_jsonb(old) - 'changed_by') then
        raise exception 'a version of a rule is never changed';
    end if;
    return new;
end $$;
create trigger deadline_rule_stays before update on deadline_rule
    for each row execute function deadline_rule_stays();

-- What a rule is for is looked at again page by page, in this order.
create index mobility_by_host_in_order on mobility (receiving_hei_id, mobility_id);
drop index mobility_by_host;
