"""Files of commands: previewed, recorded through the same door by the same decisions, and taken back."""
