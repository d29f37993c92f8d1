"""How good the forecast is: the product's own function, scored on recorded sessions of other people's agents."""
