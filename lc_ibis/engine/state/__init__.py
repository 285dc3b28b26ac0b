"""What a database remembers: runs, tables, deliveries, versions."""
