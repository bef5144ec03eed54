"""What stewards are asked, what they say, and what follows from it at once."""
