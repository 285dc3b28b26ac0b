"""Files and processes: written whole or not at all, checksums, one writer, copies."""
