"""From a question to a decision: what is known, what the model says, what is done. No sockets in here."""
