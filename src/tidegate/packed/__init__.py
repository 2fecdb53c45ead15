"""The packed door: fixed-width rows over a socket, for front processes on the same host."""
