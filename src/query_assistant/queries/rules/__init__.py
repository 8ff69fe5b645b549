"""What an API does to a query before it is searched: small named rules, chosen and fed by the API's data."""
