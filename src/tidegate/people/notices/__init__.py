"""What persons are told before anything is asked of them, version by version."""
