-- Sessions of our authorisation server's clients: an app or assistant that the student has allowed
-- something. Those without a client are our own app's, and browsers'.
alter table session
    add column client_id text collate "C",
    add column scopes text[],
    add column resource text collate "C",
    add constraint session_of_client check (
        (client_id is null) = (scopes is null) and (client_id is null) = (resource is null)
    );
