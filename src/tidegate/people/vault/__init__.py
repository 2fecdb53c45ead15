"""Personal data under lock: sealed fields, keys that can be destroyed, reads that are on record."""
