"""What `./tidegate` does before Tidegate runs: find a Python, make `.venv`, install, hand over.

Always standard library only, for nothing else is there yet. Never imports the rest of Tidegate.
"""
