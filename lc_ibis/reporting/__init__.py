"""What a build reports: documents, pages, notices, lineage."""
