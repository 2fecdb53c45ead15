"""What follows the journals in the second process: snapshots, trees with signed heads, views."""
