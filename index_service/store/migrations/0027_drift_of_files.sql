-- What a file was like beside the earlier ones of its source, as figures: also of files that were kept out.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';

ALTER TABLE night_file ADD COLUMN drift jsonb NOT NULL DEFAULT '[]';
COMMENT ON COLUMN night_file.drift IS
    'Measures beside those of the source''s earlier files: measure, field, now, usual, and what is wrong, if it is.';
