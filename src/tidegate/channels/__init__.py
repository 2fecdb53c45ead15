"""Channels: marketplaces that take orders themselves, and the gate between them and a warehouse.

Always: an order of a marketplace is a fact that is recorded once, judged at the desk, and released
or held by a decision that stands in the journal before anybody is told. Never: a channel's ability
is assumed; code asks the capability table.
"""
