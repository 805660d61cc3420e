#!/usr/bin/env python3
"""Makes the fixtures of the rpm leaf beside this file: the same three packages in each form of database."""
import os, shutil, sqlite3, struct, zlib

HERE = os.path.dirname(os.path.abspath(__file__))
INT32, STRING, BIN, STRINGS, I18N = 4, 6, 7, 8, 9


def header(tags):
    """A header with a region, as rpm writes it: {tag: (type, value)}."""
    index, data = b"", b""
    for tag, (kind, value) in sorted(tags.items()):
        if kind == INT32:
            data += b"\0" * (-len(data) % 4)
            raw, count = struct.pack(f">{len(value)}i", *value), len(value)
        elif kind == BIN:
            raw, count = value, len(value)
        elif kind == STRINGS:
            raw, count = b"".join(text.encode() + b"\0" for text in value), len(value)
        else:
            raw, count = value.encode() + b"\0", 1
        index += struct.pack(">IIiI", tag, kind, len(data), count)
        data += raw
    region = struct.pack(">IIiI", 63, BIN, len(data), 16)
    entries = len(index) // 16 + 1
    data += struct.pack(">IIiI", 63, BIN, -16 * entries, 16)
    return struct.pack(">II", entries, len(data)) + region + index + data


def package(name, version, release, **more):
    tags = {1000: (STRING, name), 1001: (STRING, version), 1002: (STRING, release), 1004: (I18N, f"about {name}"),
            1014: (STRING, "MIT"), 1022: (STRING, more.get("arch", "x86_64")), 1011: (STRING, "Signet")}
    if "epoch" in more:
        tags[1003] = (INT32, [more["epoch"]])
    if "source" in more:
        tags[1044] = (STRING, more["source"])
    if "module" in more:
        tags[5096] = (STRING, more["module"])
    for tag, key in ((1047, "provides"), (1049, "requires"), (1117, "bases"), (1118, "directories")):
        if key in more:
            tags[tag] = (STRINGS, more[key])
    if "indexes" in more:
        tags[1116] = (INT32, more["indexes"])
    return header(tags)


PACKAGES = [
    package("signet-libs", "1.2.3", "4.el9", epoch=1, source="signet-1.2.3-4.el9.src.rpm", module="signet:1:20260101:abcd",
            provides=["signet-libs", "libsignet.so.1()(64bit)"], bases=["libsignet.so.1", "readme"], indexes=[0, 1],
            directories=["/usr/lib64/", "/usr/share/doc/signet/"]),
    # long enough for overflow pages of every format
    package("signet", "1.2.3", "4.el9", source="signet-1.2.3-4.el9.src.rpm",
            requires=["/bin/sh", "libsignet.so.1()(64bit)", "rpmlib(PayloadIsZstd)", "(a if b)"],
            bases=[f"file-{number:04}" for number in range(200)], indexes=[0] * 200, directories=["/usr/share/signet/"]),
    package("gpg-pubkey", "1", "2", arch="(none)"),
]


def sqlite():
    path = os.path.join(HERE, "rpmdb.sqlite")
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.remove(path + suffix)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA page_size = 512")
    database.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
    database.execute("CREATE TABLE 'Name' (key TEXT NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL)")
    # enough small rows for a tree of several pages; a filler is a package, too
    for number in range(30):
        database.execute("INSERT INTO Packages (blob) VALUES (?)", (package(f"filler-{number:02}", "1", "1"),))
    for blob in PACKAGES:
        database.execute("INSERT INTO Packages (blob) VALUES (?)", (blob,))
    database.close()
    # The log of a database that was not closed.
    work = os.path.join(HERE, "work.sqlite")
    shutil.copy(path, work)
    database = sqlite3.connect(work, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("INSERT INTO Packages (blob) VALUES (?)", (package("late", "1", "1"),))
    shutil.copy(work + "-wal", path + "-wal")
    database.close()
    os.remove(work)


def ndb():
    blobs, slots, at = b"", b"", 4096 // 16
    for number, blob in enumerate(PACKAGES, 1):
        body = struct.pack("<4sIII", b"BlbS", number, 1, len(blob)) + blob
        body += b"\0" * (-(len(body) + 12) % 16)
        body += struct.pack("<II4s", zlib.adler32(body), len(blob), b"BlbE")
        slots += struct.pack("<4sIII", b"Slot", number, at, len(body) // 16)
        blobs += body
        at += len(body) // 16
    head = struct.pack("<4sIIII12x", b"RpmP", 0, 1, 1, len(PACKAGES) + 1) + slots
    head += struct.pack("<4sIII", b"Slot", 0, 0, 0) * ((4096 - len(head)) // 16)
    with open(os.path.join(HERE, "Packages.db"), "wb") as file:
        file.write(head + blobs)


def bdb(order="<", name="Packages"):
    size = 512
    def page(number, following, entries, free, kind, content):
        return (struct.pack(order + "8xIIIHHBB", number, 0, following, entries, free, 0, kind) + content).ljust(size, b"\0")
    chains, values, number = b"", [], 2
    for blob in PACKAGES:
        parts = [blob[at:at + size - 26] for at in range(0, len(blob), size - 26)]
        values.append((number, len(blob)))
        for place, part in enumerate(parts):
            following = number + 1 if place + 1 < len(parts) else 0
            chains += page(number, following, 1, len(part), 7, part)
            number += 1
    entries, offsets, at = b"", [], size
    # the counter of packages first: an inline value; then key and place of each package
    items = [b"\1" + b"\0\0\0\0", b"\1" + struct.pack(order + "I", len(PACKAGES))]
    for key, (start, length) in enumerate(values, 1):
        items += [b"\1" + struct.pack(order + "I", key), struct.pack(order + "B3xII", 3, start, length)]
    for item in items:
        at -= len(item)
        offsets.append(at)
        entries = item + entries
    index = struct.pack(order + f"{len(offsets)}H", *offsets)
    content = index + b"\0" * (size - 26 - len(index) - len(entries)) + entries
    meta = struct.pack(order + "8xIIIIBB", 0, 0x00061561, 9, size, 0, 8).ljust(32, b"\0") + struct.pack(order + "I", number - 1)
    with open(os.path.join(HERE, name), "wb") as file:
        file.write(meta.ljust(size, b"\0") + page(1, 0, len(offsets), at, 13, content) + chains)


sqlite()
ndb()
bdb()
bdb(">", "Packages.big-endian")
