"""Programs of others that lc-ibis works with, each in a module and behind an extra of its own."""
