"""How events lie in PostgreSQL: the door, the ledger, the embedded server, the migrations."""
