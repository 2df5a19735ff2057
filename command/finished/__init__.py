"""What is done with a finished run: its clusters are corrected or exported, and its saved model assigns new points."""
