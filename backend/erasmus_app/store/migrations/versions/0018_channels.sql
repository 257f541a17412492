-- Which kinds of targets there are is said by the program: a further channel needs no migration.
alter table device drop constraint device_target_kind_check;

-- What the app said became of a push on the device.
alter table delivery
    add column received_at timestamptz,
    add column opened_at timestamptz;
