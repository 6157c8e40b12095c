CREATE TABLE person (
  id TEXT PRIMARY KEY, login TEXT NOT NULL UNIQUE, role TEXT NOT NULL, post TEXT,
  valid_from INTEGER NOT NULL, valid_until INTEGER, left_at INTEGER, name TEXT,
  password TEXT, totp BLOB, totp_step INTEGER NOT NULL DEFAULT 0, last_sign_in INTEGER);
CREATE TABLE session (
  digest BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE, person TEXT NOT NULL REFERENCES person(id), csrf TEXT NOT NULL,
  address TEXT NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL);
CREATE TABLE link (
  digest BLOB PRIMARY KEY, person TEXT NOT NULL REFERENCES person(id), expires INTEGER NOT NULL, used INTEGER,
  totp BLOB);
CREATE TABLE personal (digest TEXT PRIMARY KEY, salt BLOB NOT NULL, text TEXT NOT NULL);
INSERT INTO personal VALUES
  ('6d9c1f1b35b2fd65ea25f3c8dc9a1ab33c1b7c7f3dc0a7d2c1f3aa55c0ffee00', x'00', '田中 太郎');
INSERT INTO person (id, login, role, valid_from, name) VALUES ('p-1', 'tanaka', 'operator', 0, '田中 太郎');
INSERT INTO link VALUES (x'01', 'p-1', 9999999999999, NULL, x'02');
