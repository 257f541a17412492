-- Jobs to deliver are claimed by the hundred (docs/decisions/0028), as many of each channel as it
-- has room for: one that is slow has its own queue, and nobody waits behind it.
alter table job add column lane text collate "C" not null default '';

-- The channel is the delivery's, which is written before its job in the same transaction.
create function job_takes_its_lane() returns trigger language plpgsql as $$
begin
    select channel into new.lane from delivery
    where delivery_id = (new.payload ->> 'delivery_id')::uuid;
    new.lane := coalesce(new.lane, '');
    return new;
end $$;
create trigger job_lane before insert on job
    for each row when (new.kind = 'deliver') execute function job_takes_its_lane();

update job set lane = channel from delivery
where job.kind = 'deliver' and delivery_id = (payload ->> 'delivery_id')::uuid;

create index job_lane on job (lane, due)
    where kind = 'deliver' and dead_at is null and leased_by is null;
