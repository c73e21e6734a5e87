"""What several audits need: the subject, models with known answers, taps, the gate."""
