"""How often who may do what: the rules, and what keeps them."""
