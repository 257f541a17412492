-- Which login a session stands on. Those from before do not know when it was.
alter table session
    add column provider text collate "C" not null default 'myacademicid',
    add column authenticated_at timestamptz;
alter table account_identity add column email_verified boolean not null default false;

-- A device is silent from the end of the session that registered it; older ones name theirs at the
-- next start of the app.
alter table device add column session_id uuid references session on delete set null;
create index device_by_session on device (session_id);
