-- What caused it, as W3C Trace Context writes it; null where nothing is traced. Nothing personal.
alter table job add column traces text[];
alter table delivery add column trace text;
