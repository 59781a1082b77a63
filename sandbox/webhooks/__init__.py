"""How a webhook leaves: signed, in its turn, once more after a failure."""
