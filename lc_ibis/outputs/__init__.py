"""Output files: their forms, and how they reach their place whole."""
