"""A pipeline as SQL of one engine: templates over named tables, made once from the Ibis expressions."""
