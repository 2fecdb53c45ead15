"""Versioned facts and their codecs: what the journal holds, byte by byte."""
