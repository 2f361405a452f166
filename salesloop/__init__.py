"""salesloop: the notebook kit that closes the loop of sales management."""
