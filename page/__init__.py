"""What a person looks at: the page to explore, what each cluster means, and its typical members."""
