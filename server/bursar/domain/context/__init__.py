"""An agent's context: what is sent, what the providers' caches keep of it, and what that costs."""
