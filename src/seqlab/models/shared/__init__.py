"""What is asked of a model from outside, whatever class it has."""
