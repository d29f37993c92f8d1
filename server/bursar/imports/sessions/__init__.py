"""What other agents said and read, from their own logs: each conversation as a session that can be played again."""
