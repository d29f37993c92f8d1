"""What each family of commands takes; nothing here imports what a command does until it is called."""
