"""Webhooks: events told to clients by signed POSTs."""
