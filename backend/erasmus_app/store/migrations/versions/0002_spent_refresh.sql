-- Refresh tokens that were swapped for a newer one. Whoever shows one again ends its session,
-- however many swaps ago it was good (RFC 9700 §4.14).
create table spent_refresh (
    refresh_sha256 bytea primary key,
    session_id uuid not null references session on delete cascade,
    spent_at timestamptz not null
);
create index spent_refresh_by_session on spent_refresh (session_id, spent_at);

insert into spent_refresh (refresh_sha256, session_id, spent_at)
select previous_refresh_sha256, session_id, refreshed_at from session
where previous_refresh_sha256 is not null on conflict do nothing;

alter table session drop column previous_refresh_sha256;
