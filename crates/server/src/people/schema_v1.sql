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
CREATE TABLE notice (
  number INTEGER PRIMARY KEY, key TEXT NOT NULL, party TEXT NOT NULL, kind TEXT NOT NULL, urgent INTEGER NOT NULL,
  ja TEXT NOT NULL, en TEXT NOT NULL, link TEXT NOT NULL, at INTEGER NOT NULL, UNIQUE (party, key));
CREATE TABLE mail_choice (
  person TEXT PRIMARY KEY, address TEXT NOT NULL, verified INTEGER, code BLOB, code_until INTEGER, tries INTEGER NOT NULL,
  pace TEXT NOT NULL);
CREATE TABLE delivery (
  number INTEGER PRIMARY KEY, channel TEXT NOT NULL, recipient TEXT NOT NULL, notice INTEGER NOT NULL, due INTEGER NOT NULL,
  tries INTEGER NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL, UNIQUE (channel, recipient, notice));
CREATE TABLE webhook (
  id TEXT PRIMARY KEY, party TEXT NOT NULL, url TEXT NOT NULL, secret BLOB NOT NULL, made INTEGER NOT NULL);
INSERT INTO notice VALUES (1, 'request/1', 'contractor', 'request', 0, '済み。', 'Done.', '/requests', 0);
INSERT INTO mail_choice VALUES ('p-1', 'tanaka@example.jp', 1, NULL, NULL, 0, 'at_once');
INSERT INTO delivery VALUES (1, 'mail', 'p-1', 1, 0, 0, 'waiting', '');
