"""What persons agreed to, refused and withdrew, one purpose at a time."""
