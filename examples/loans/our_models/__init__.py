"""Loans, a third source beside customers and accounts: one module per layer, with the names of lc-ibis' own layers."""
