"""What is done with a finished run: its clusters are corrected, and its saved model assigns new points."""
