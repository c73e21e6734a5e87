"""Small parts that several mixers and models share."""
