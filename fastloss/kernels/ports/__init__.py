"""What completes the templates on every target."""
