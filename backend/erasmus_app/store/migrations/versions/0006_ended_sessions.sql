-- Read twice a second by each API process: those ended within the life of an access token.
create index session_by_end on session (revoked_at) where revoked_at is not null;
