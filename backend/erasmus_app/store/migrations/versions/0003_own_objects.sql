-- What a covered HEI is master of, as its own system gives it to us: served to partners from here.
-- One row per object. A removed one stays without its content, so that its absence is announced
-- and no later document brings another object under its id.
create table own_object (
    tenant hei_id not null,
    api text collate "C" not null,
    sending_hei_id hei_id not null,
    object_id network_id not null,
    major integer not null,
    partner_hei_id hei_id, -- the other university of a mobility; null: public data
    receiving_academic_year_id text collate "C",
    student_key text collate "C", -- ESI, trimmed and in lower case
    kind text collate "C", -- activity attributes, type of mobility, code of a unit
    xml bytea, -- the object's element as canonical XML; null once removed
    sha256 bytea,
    revision integer not null default 1,
    announced_revision integer not null default 0, -- the last that needs no telling any more
    changed_at timestamptz not null,
    confirmed_at timestamptz not null, -- when the HEI last said the same
    removed_at timestamptz,
    primary key (tenant, api, sending_hei_id, object_id),
    check ((xml is null) = (removed_at is not null))
);
create index own_object_by_partner on own_object (tenant, api, partner_hei_id, changed_at)
    where removed_at is null;
create index own_object_by_student on own_object (tenant, api, student_key)
    where removed_at is null and student_key is not null;
create index own_object_to_announce on own_object (tenant, api, partner_hei_id)
    where announced_revision < revision;

-- What a partner has decided about a proposal of the HEI's, for its office and as evidence.
create table own_decision (
    tenant hei_id not null,
    decision_id uuid not null default gen_random_uuid(),
    api text collate "C" not null,
    omobility_id network_id not null,
    proposal_id text collate "C" not null,
    operation text not null,
    partner_hei_id hei_id not null,
    comment text, -- between the offices; never for the student
    request bytea not null, -- the update as it was sent
    request_id text,
    decided_at timestamptz not null,
    primary key (tenant, api, omobility_id, proposal_id)
);
create index own_decision_by_time on own_decision (tenant, decided_at);
