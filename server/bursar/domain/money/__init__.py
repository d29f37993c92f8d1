"""Exact money: usage in disjoint buckets, prices with their source, costs, budgets, the ledger's facts."""
