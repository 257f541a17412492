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
