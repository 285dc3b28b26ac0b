"""Tables, keys and time. Nothing here knows of customers and accounts."""
