"""The words of the trade: money, ids, reasons. Imports nothing of ours, opens nothing."""
