-- Version 5: deployment windows.

-- Why the run does not ask the windows of what it deploys to; none where it does.
ALTER TABLE runs ADD COLUMN outside_window TEXT;
