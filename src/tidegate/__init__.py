"""Tidegate (潮闸): orders, stock and promotions of a shop, decided exactly and on record."""

__version__ = "0.1.0"
