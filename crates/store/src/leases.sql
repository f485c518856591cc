-- Version 2: the process that drives a run may be one of another machine or container.

-- Where its number counts, and the machine's name.
ALTER TABLE runs ADD COLUMN owner_place TEXT;
ALTER TABLE runs ADD COLUMN owner_host TEXT;
-- When it was last heard of.
ALTER TABLE runs ADD COLUMN heard_at INTEGER;
