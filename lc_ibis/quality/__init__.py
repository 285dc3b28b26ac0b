"""Reports on the data's quality."""
