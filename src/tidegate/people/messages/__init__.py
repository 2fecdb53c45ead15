"""The one port through which messages to persons leave, after the gate."""
