"""What an auditor runs again: decisions from what they were made of, the log against what a notary signed."""
