"""What several fits share."""
