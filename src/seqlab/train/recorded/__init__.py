"""Several updates in one call: the step of a small model is recorded once and run again without what chooses its
operations.

`step` is that step, `updates` takes as many as are asked for until something else is due, `choice` finds out whether it
computes the same and is faster, and says so; `held` is what else a model holds than the numbers in its tensors.
"""
