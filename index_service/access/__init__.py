"""Who calls: API clients, their access tokens, and what a caller may do. Knows no HTTP framework."""
