BEGIN;
ALTER TABLE person ADD COLUMN name_digest TEXT;
ALTER TABLE person ADD COLUMN entered INTEGER NOT NULL DEFAULT 1;
UPDATE person SET name_digest = (SELECT digest FROM personal WHERE text = person.name LIMIT 1);
ALTER TABLE person DROP COLUMN name;
DROP TABLE link;
COMMIT;
