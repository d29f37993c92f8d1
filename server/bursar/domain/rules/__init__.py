"""What can be wrong with a file that an agent reads: one definition for each rule, as pure functions."""
