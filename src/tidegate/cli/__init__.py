"""The command line: the command `tidegate NAME` is the module `tidegate/cli/NAME.py`."""
