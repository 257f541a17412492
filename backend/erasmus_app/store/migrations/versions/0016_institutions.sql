-- What an HEI says of itself and its units, for everybody. The answers themselves are not kept, as
-- they name persons whom nobody asked; their fingerprint is.
create table institution (
    hei_id hei_id primary key,
    asked_as hei_id not null,
    value jsonb,
    sha256 bytea,
    signed_by text,
    revision integer not null default 0,
    fetched_at timestamptz,
    last_confirmed_at timestamptz,
    last_attempt_at timestamptz not null,
    last_error text,
    failures integer not null default 0
);

-- Copies of agreements as a tenant has read them: its own, and its partners' of those with it.
create table agreement_copy (
    tenant hei_id not null,
    hei_id hei_id not null, -- whose copy it is
    iia_id network_id not null,
    partner_id hei_id not null,
    value jsonb not null,
    approved text, -- the hash that the partner says it has approved, of a tenant's own copy
    fetched_at timestamptz not null,
    last_confirmed_at timestamptz not null,
    missing_since timestamptz, -- since when the HEI lists it no more
    primary key (tenant, hei_id, iia_id)
);

-- Where the reading of one HEI's copies stands.
create table agreement_state (
    tenant hei_id not null,
    hei_id hei_id not null,
    good_since timestamptz, -- when the last reading that went well began
    whole_since timestamptz, -- the last that looked at every copy
    last_attempt_at timestamptz not null,
    last_error text,
    failures integer not null default 0,
    primary key (tenant, hei_id)
);
