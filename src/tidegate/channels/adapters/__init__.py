"""Adapters: how one kind of channel is really talked to. Each passes one contract suite."""
