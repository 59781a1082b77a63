"""What Meta knows: messages, templates, and the webhooks about them."""
