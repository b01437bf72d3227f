"""What every domain stands on: settings, database, errors, outbox, clock, pagination."""
