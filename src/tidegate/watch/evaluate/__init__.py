"""How well the watch does: a real order file, with and without incidents put into it."""
