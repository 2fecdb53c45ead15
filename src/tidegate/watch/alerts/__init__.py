"""Alerts 告警: who is told of an alarm, by which ways, until a person has acknowledged it."""
