"""What a refusal says about a rate: the account's, or that of a sender and a recipient."""
