"""The read side: tables that follow the log, and the questions people ask of them."""
