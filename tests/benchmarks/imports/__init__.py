"""How fast what other agents spent is read from their logs, beside ccusage on the same logs."""
