"""The steps of the paper, arrays in and arrays out, and what all of them need."""
