"""A payment provider, an SMS provider and a mailbox of one's own, that can be told to misbehave."""
