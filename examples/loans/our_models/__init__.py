"""Loans, a third source beside customers and accounts: a layer a module, named as those of lc-ibis."""
