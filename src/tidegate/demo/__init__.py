"""The night of 26 October 2021, played against a real server on this machine. Opens nothing."""
