"""ckr_es: audit-grade, event-sourced service tracking for a Cluster Development Centre."""
