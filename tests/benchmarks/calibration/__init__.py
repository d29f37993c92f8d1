"""How good the estimate of a vendor's count is."""
