"""Who may do what: operators, roles, keys, approvals by two people, and a shop's secrets."""
