"""What a person may ask about their own data, from the request to the certificate."""
