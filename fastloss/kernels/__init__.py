"""How it is computed: the template with its ports, what binds them, and what runs the result. No loss is known here."""
