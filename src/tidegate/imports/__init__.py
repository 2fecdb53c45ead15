"""Files in: a shop's catalogue, stock and order history from CSV and XLSX.

Reading, mapping and planning are pure; only `runner` and `resume` touch a desk or a disk. A line of
a file always ends in exactly one row of the reconciliation; none is ever dropped without a name.
"""
