"""What the writers of several programs have in common."""
