"""The identity database's tables and statements: arrivals, two spaces of persons, blocks of tokens.

A person's row is in one of the two spaces, or still in an arrival, and holds a keyed hash, a random
token and days. Hashes are 16 bytes, tokens 8 bytes big endian, days count from 1970-01-01.
This module never holds a plain value: there is no column that could.

Why two of each: SQLite copies rows when it splits a page and leaves the old bytes in the gap, even
with `secure_delete=ON` (12 of 20,000 deleted hashes were found in the raw file in a trial). Only a
page that is given back whole is zeroed. So nothing is deleted where it lies: the living are copied
to the other space, and the space they left is emptied. See docs/adr/0031.
"""

# ruff: noqa: S608 - every statement below is put together from the constants of this module

from tidegate.storage.sqlite_schema import Migration, Schema

HASH_BYTES = 16
TOKEN_BYTES = 8
ARRIVAL_ROWS = 78
RETENTION_DAYS = 400  # a person who was not seen so long is not kept
BATCH_MAX = 16_384  # hashes in one transaction; `numbers` below counts so far

_ARRIVAL = """
    CREATE TABLE arrival_{n} (
        seq INTEGER PRIMARY KEY,
        size INTEGER NOT NULL,
        created_day INTEGER NOT NULL,
        keep_until_day INTEGER NOT NULL,
        kinds TEXT NOT NULL,
        hashes BLOB NOT NULL,
        tokens BLOB NOT NULL
    ) STRICT"""

_PERSON = """
    CREATE TABLE person_{n} (
        hash BLOB PRIMARY KEY,
        token BLOB NOT NULL,
        kind INTEGER NOT NULL,
        created_day INTEGER NOT NULL,
        last_used_day INTEGER NOT NULL,
        keep_until_day INTEGER NOT NULL,
        forgotten INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID"""

SCHEMA = Schema(
    "identity",
    (
        Migration(
            1,
            (
                """CREATE TABLE state (
                    one INTEGER PRIMARY KEY CHECK (one = 1),
                    epoch INTEGER NOT NULL,
                    active INTEGER NOT NULL,
                    space INTEGER NOT NULL,
                    buried INTEGER NOT NULL,
                    key_check BLOB
                ) STRICT""",
                "INSERT INTO state VALUES (1, 0, 0, 0, 0, NULL)",
                "CREATE TABLE token_block (block INTEGER PRIMARY KEY) STRICT",
                _ARRIVAL.format(n=0),
                _ARRIVAL.format(n=1),
                _PERSON.format(n=0),
                _PERSON.format(n=1),
                "CREATE INDEX forgotten_0 ON person_0 (forgotten) WHERE forgotten = 1",
                "CREATE INDEX forgotten_1 ON person_1 (forgotten) WHERE forgotten = 1",
            ),
        ),
    ),
)

# A batch travels as one blob, and the statement takes it apart: one call into SQLite a batch, so
# that the thread gives up and takes back the interpreter twice and not twice a row.
NUMBERS = (
    "CREATE TEMP TABLE numbers (i INTEGER PRIMARY KEY)",
    f"""INSERT INTO numbers WITH RECURSIVE n(i) AS
        (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {BATCH_MAX}) SELECT i FROM n""",
)
_EACH = f"substr({{blob}}, 1 + {HASH_BYTES} * n.i, {HASH_BYTES})"
_KNOWN_IN = (
    "SELECT 1 FROM temp.numbers AS n CROSS JOIN person_{space} AS p ON p.hash = "
    + _EACH.format(blob="?6")
    + " WHERE n.i < ?2"
)

# A batch is cut into rows of which two fit a page: SQLite loads a blob whole for every `substr`.
_APPEND = f"""INSERT INTO arrival_{{active}}
    (seq, size, created_day, keep_until_day, kinds, hashes, tokens)
    SELECT ?1 + c.i, min(?2 - {ARRIVAL_ROWS} * c.i, {ARRIVAL_ROWS}), ?3, ?4,
           substr(?5, 1 + {ARRIVAL_ROWS} * c.i, {ARRIVAL_ROWS}),
           substr(?6, 1 + {ARRIVAL_ROWS * HASH_BYTES} * c.i, {ARRIVAL_ROWS * HASH_BYTES}),
           substr(?7, 1 + {ARRIVAL_ROWS * TOKEN_BYTES} * c.i, {ARRIVAL_ROWS * TOKEN_BYTES})
    FROM temp.numbers AS c WHERE c.i < (?2 + {ARRIVAL_ROWS - 1}) / {ARRIVAL_ROWS}"""
APPEND = tuple(_APPEND.format(active=active) for active in (0, 1))
# Durable in one statement if nothing happened since this process last looked (epoch, last arrival)
# and none of the hashes is known; otherwise it changes nothing and says so by its row count.
APPEND_IF_NEW = tuple(
    f"""{APPEND[active]}
        AND (SELECT epoch FROM state) = ?8
        AND coalesce((SELECT max(seq) FROM arrival_{active}), 0) = ?1 - 1
        AND NOT EXISTS ({_KNOWN_IN.format(space=0)})
        AND NOT EXISTS ({_KNOWN_IN.format(space=1)})"""
    for active in (0, 1)
)

LOOKUP = " UNION ALL ".join(
    f"""SELECT group_concat(printf('%d %s %d %d %d', n.i, hex(p.token), p.last_used_day,
               CASE p.forgotten WHEN 1 THEN p.keep_until_day
               ELSE max(p.keep_until_day, p.last_used_day + {RETENTION_DAYS}) END,
               p.forgotten), ',')
        FROM temp.numbers AS n
        CROSS JOIN person_{space} AS p ON p.hash = {_EACH.format(blob="?1")}
        WHERE n.i < ?2"""
    for space in (0, 1)
)

# A settling round: every arrival of the closed table, in the order of the tree it goes to.
RUN = tuple(
    f"""CREATE TEMP TABLE run AS
        SELECT {_EACH.format(blob="a.hashes")} AS hash,
               substr(a.tokens, 1 + {TOKEN_BYTES} * n.i, {TOKEN_BYTES}) AS token,
               CAST(substr(a.kinds, 1 + n.i, 1) AS INTEGER) AS kind,
               a.created_day AS created_day, a.keep_until_day AS keep_until_day
        FROM arrival_{closed} AS a CROSS JOIN temp.numbers AS n ON n.i < a.size
        ORDER BY hash"""
    for closed in (0, 1)
)
SETTLE = tuple(
    f"""INSERT OR IGNORE INTO person_{space}
        SELECT hash, token, kind, created_day, created_day, keep_until_day, 0
        FROM temp.run WHERE rowid > ?1 AND rowid <= ?2"""
    for space in (0, 1)
)

SHORTEN_CLOSED = tuple(
    f"DELETE FROM arrival_{closed} WHERE seq < (SELECT min(seq) FROM arrival_{closed}) + ?1"
    for closed in (0, 1)
)
# Without a condition: SQLite gives back every page and zeroes the one that is left.
CLEAR_CLOSED = tuple(f"DELETE FROM arrival_{closed}" for closed in (0, 1))
HAS_ARRIVALS = tuple(f"SELECT EXISTS (SELECT 1 FROM arrival_{table})" for table in (0, 1))
ARRIVALS = tuple(
    f"""SELECT seq, size, created_day, hashes, tokens FROM arrival_{table}
        WHERE seq > ?1 ORDER BY seq"""
    for table in (0, 1)
)

# Never shortens a life: that is what `forget` is for.
TOUCH = tuple(
    f"""UPDATE person_{space}
        SET last_used_day = max(last_used_day, ?3), keep_until_day = max(keep_until_day, ?4)
        WHERE hash IN (SELECT {_EACH.format(blob="?1")} FROM temp.numbers AS n WHERE n.i < ?2)"""
    for space in (0, 1)
)
# Due: asked to be forgotten and the limit period is over, or not seen for the whole retention.
# The same sum as in LOOKUP: who is due is treated as gone, swept or not.
_DUE = f"keep_until_day < ?1 AND (forgotten = 1 OR last_used_day + {RETENTION_DAYS} < ?1)"
FORGET = tuple(
    f"""UPDATE person_{space}
        SET forgotten = 1, keep_until_day = max(keep_until_day, ?4)
        WHERE hash IN (SELECT {_EACH.format(blob="?2")} FROM temp.numbers AS n WHERE n.i < ?3)
          AND NOT ({_DUE})"""
    for space in (0, 1)
)
BURY = tuple(f"DELETE FROM person_{space} WHERE hash = ?1" for space in (0, 1))
FORGOTTEN = " UNION ALL ".join(
    f"SELECT hash FROM person_{space} WHERE forgotten = 1" for space in (0, 1)
)
HASHES_OF_TOKENS = " UNION ALL ".join(
    f"SELECT hash FROM person_{space} WHERE token IN (SELECT token FROM temp.wanted)"
    for space in (0, 1)
)
COUNTS = """SELECT kind, count(*), sum(forgotten) FROM
    (SELECT kind, forgotten FROM person_0 UNION ALL SELECT kind, forgotten FROM person_1)
    GROUP BY kind ORDER BY kind"""

IS_ANY_DUE = tuple(f"SELECT EXISTS (SELECT 1 FROM person_{space} WHERE {_DUE})" for space in (0, 1))
HAS_PERSONS = tuple(f"SELECT EXISTS (SELECT 1 FROM person_{space})" for space in (0, 1))
BOUND = tuple(
    f"SELECT max(hash) FROM (SELECT hash FROM person_{space} ORDER BY hash LIMIT ?1)"
    for space in (0, 1)
)
# By the space that is left: the living go to the other one, then the stretch is deleted.
MOVE_LIVING = tuple(
    f"""INSERT INTO person_{1 - space}
        SELECT * FROM person_{space} WHERE hash <= ?2 AND NOT ({_DUE})"""
    for space in (0, 1)
)
LEAVE = tuple(f"DELETE FROM person_{space} WHERE hash <= ?1" for space in (0, 1))
# Without a condition: SQLite gives back every page and zeroes the one that is left.
EMPTY_SPACE = tuple(f"DELETE FROM person_{space}" for space in (0, 1))
