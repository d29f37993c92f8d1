"""The one place of an editor session that changes: documents, trust, settings, runs, and the jobs they need."""
