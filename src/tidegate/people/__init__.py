"""What touches a person: identity tokens and the filter that keeps personal data out of records."""
