"""Output files: their formats, and how they reach their place whole."""
