"""Makes tables.sqlite with the real SQLite: a tree of several levels, overflow pages, a table without row ids."""
import os
import sqlite3

path = os.path.join(os.path.dirname(__file__), "tables.sqlite")
if os.path.exists(path):
    os.remove(path)
db = sqlite3.connect(path)
db.execute("PRAGMA page_size = 512")
db.execute("CREATE TABLE bare(k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID")
db.execute("CREATE TABLE `Words` (`id` integer PRIMARY KEY AUTOINCREMENT,`word` text NOT NULL,number REAL,`text` text,none blob)")
for n in range(1, 701):
    length = (n * 37) % 5000 if n % 50 == 0 else n % 20
    # Long texts on a few rows only, so that the file stays small.
    db.execute("INSERT INTO Words(word, number, text) VALUES (?, ?, ?)", (f"word {n}", n / 2, "x" * length))
db.commit()
db.execute("VACUUM")
db.close()
