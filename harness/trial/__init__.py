"""Plan, run (the only orchestrator) and recorder."""
