"""Packing: experiments that share shapes train as one batched program, each in its own run folder.

`program` is one step's forward and backward pass of all members, `pack` the members with their stacked weights, `step`
a step of theirs, `loop` the loop, `gain` whether it pays, `refusals` what cannot be.
"""
