"""What trimming saves and loses on recorded sessions, beside the figures of another simulator for the same sessions."""
