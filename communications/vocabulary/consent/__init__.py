"""The words by which people say that they want to hear no more, or want to again."""
