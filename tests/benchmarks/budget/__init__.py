"""A budget under many loads at once: how much of it can be used, and whether it is ever passed."""
