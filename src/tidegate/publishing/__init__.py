"""Publishing promotions (发布): drafts, checks, two people, going live, and the prices that stand.

Always: the journal has what is in force; what is kept here is only on its way there. The guard's
long checks run in a process of their own, so that no order ever waits for one.
"""
