"""Files on this machine's disk: how SQLite files are opened and how their schema moves on."""
