"""The service's HTTP application and its domains."""
