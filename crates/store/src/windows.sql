-- Version 5: deployment windows, and rights on infrastructures that only the run knows.

-- Why the run does not ask the windows of what it deploys to; none where it does.
ALTER TABLE runs ADD COLUMN outside_window TEXT;

-- The infrastructures on which its user may not run anything, as a JSON list; none where there are
-- no rights to ask for.
ALTER TABLE runs ADD COLUMN denied TEXT;
