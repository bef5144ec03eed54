"""Reading extracts: files into rows, rows into source records, bad rows into a reject file, and a count of quality."""
