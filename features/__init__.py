"""Features of photographs and texts, by which they are clustered."""
