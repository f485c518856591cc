-- Version 4: runs that take back what others have deployed, and runs that wait for each other.

-- The run that it takes back, and the part of it, if not all.
ALTER TABLE runs ADD COLUMN undoes INTEGER REFERENCES runs (number);
ALTER TABLE runs ADD COLUMN undo_part TEXT;

-- The run that took it back, or was about to.
ALTER TABLE deployments ADD COLUMN undone_by INTEGER REFERENCES runs (number);
-- When it ended.
ALTER TABLE deployments ADD COLUMN ended_at INTEGER;
-- Whether it changed anything; none where it did not say.
ALTER TABLE deployments ADD COLUMN changed INTEGER;

-- The queue in which it waits for others, or has waited, and which of those that wait are kept:
-- `all` or `latest`.
ALTER TABLE runs ADD COLUMN queue TEXT;
ALTER TABLE runs ADD COLUMN queue_keep TEXT;
-- Why it has ended without having begun: in words, and the id of the newer run that has put it aside.
ALTER TABLE runs ADD COLUMN unstarted TEXT;
ALTER TABLE runs ADD COLUMN put_aside_by TEXT;
