"""Makes index.sqlite with the real SQLite: an index of several levels on blobs, behind nothing, numbers and text, and one with long keys."""
import hashlib
import os
import sqlite3

path = os.path.join(os.path.dirname(__file__), "index.sqlite")
if os.path.exists(path):
    os.remove(path)
db = sqlite3.connect(path)
db.execute("PRAGMA page_size = 512")
db.execute("CREATE TABLE files(id INTEGER PRIMARY KEY, hash)")
db.execute("CREATE INDEX by_hash ON files(hash)")
db.execute("CREATE TABLE longs(key BLOB)")
db.execute("CREATE INDEX by_key ON longs(key)")
for n in range(1, 401):
    db.execute("INSERT INTO files VALUES (?, ?)", (n, hashlib.sha1(str(n).encode()).digest()))
# The same key in many rows, over several pages; then the kinds that stand before blobs.
for n in range(1001, 1101):
    db.execute("INSERT INTO files VALUES (?, ?)", (n, b"\x80same"))
for n in range(2001, 2021):
    for place, value in enumerate((None, n, n / 8, f"text {n}", b"")):
        db.execute("INSERT INTO files VALUES (?, ?)", (n + 1000 * place, value))
for n in range(10):
    db.execute("INSERT INTO longs VALUES (?)", (bytes([n]) * 2000,))
db.commit()
db.execute("VACUUM")
db.close()
