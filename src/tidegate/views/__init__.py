"""Projections of a shop's journal for people and pages: orders, stock, figures, and who listens."""
