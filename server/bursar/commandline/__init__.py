"""What each command of the command line does: one file a command or a family of them."""
