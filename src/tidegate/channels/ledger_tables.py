"""The second step of channels.db: alarms, prices read back, recalls, debts, who stopped a channel.

Always only adds to the first step, in `ledger`. Never: names a person; who asked is an operator's
name as the command line takes it, or a token.
"""

SECOND = (
    "ALTER TABLE orders ADD COLUMN amounts TEXT NOT NULL DEFAULT '[]'",  # receivable fen by line
    # What its rows say, whoever told of it: empty where it took no stock.
    "ALTER TABLE orders ADD COLUMN rows_print BLOB NOT NULL DEFAULT x''",
    "ALTER TABLE orders ADD COLUMN seq INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE orders ADD COLUMN position INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX orders_short ON orders (short) WHERE short > 0",
    "CREATE INDEX orders_flagged ON orders (channel, number) WHERE flags <> ''",
    "ALTER TABLE connection ADD COLUMN stopped_by TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE connection ADD COLUMN stop_reason TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE connection ADD COLUMN stopped_ms INTEGER NOT NULL DEFAULT 0",
    # `flag`: '', wanted, set, clearing, cleared; what the desk was told of it.
    """CREATE TABLE alarm (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, channel TEXT NOT NULL,
        kind TEXT NOT NULL, sku TEXT NOT NULL DEFAULT '', item TEXT NOT NULL DEFAULT '',
        promotion TEXT NOT NULL DEFAULT '', figures TEXT NOT NULL DEFAULT '{}',
        scope TEXT NOT NULL DEFAULT '', target TEXT NOT NULL DEFAULT '',
        flag TEXT NOT NULL DEFAULT '', settled_ms INTEGER NOT NULL DEFAULT 0,
        settled_by TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT '')""",
    "CREATE UNIQUE INDEX alarm_open ON alarm (channel, kind, sku, promotion) WHERE settled_ms = 0",
    "CREATE INDEX alarm_flag ON alarm (flag) WHERE flag IN ('wanted', 'clearing')",
    # The last price read of each SKU, and what it was compared with.
    """CREATE TABLE price_read (
        channel TEXT, sku TEXT, at_ms INTEGER NOT NULL, read_fen INTEGER, price_fen INTEGER,
        PRIMARY KEY (channel, sku)) WITHOUT ROWID""",
    # Starts of promotions that were looked at: when prices were read, which orders were compared.
    """CREATE TABLE price_start (
        channel TEXT, promotion TEXT, start_ms INTEGER, read_ms INTEGER NOT NULL DEFAULT 0,
        compared TEXT NOT NULL DEFAULT '[]',
        PRIMARY KEY (channel, promotion, start_ms)) WITHOUT ROWID""",
    # `state`: asked, lowering, draining, done, refused.
    """CREATE TABLE recall (
        name TEXT PRIMARY KEY, channel TEXT NOT NULL, sku TEXT NOT NULL, units INTEGER NOT NULL,
        asked_by TEXT NOT NULL, asked_ms INTEGER NOT NULL, state TEXT NOT NULL,
        acknowledged_ms INTEGER NOT NULL DEFAULT 0, back INTEGER NOT NULL DEFAULT 0,
        told TEXT NOT NULL DEFAULT '') WITHOUT ROWID""",
    # `way`: '', restock, substitute, ask_buyer, close.
    """CREATE TABLE debt (
        key BLOB PRIMARY KEY, channel TEXT NOT NULL, number TEXT NOT NULL,
        units INTEGER NOT NULL, opened_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL,
        owner TEXT NOT NULL, way TEXT NOT NULL DEFAULT '', told TEXT NOT NULL DEFAULT '',
        decided_by TEXT NOT NULL DEFAULT '', decided_ms INTEGER NOT NULL DEFAULT 0,
        closing TEXT NOT NULL DEFAULT '', settled_ms INTEGER NOT NULL DEFAULT 0,
        outcome TEXT NOT NULL DEFAULT '') WITHOUT ROWID""",
    "CREATE INDEX debt_open ON debt (due_ms) WHERE settled_ms = 0",
    "CREATE INDEX debt_closing ON debt (closing) WHERE closing IN ('wanted', 'unknown')",
)
