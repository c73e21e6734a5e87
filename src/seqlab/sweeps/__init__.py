"""Sweeps: many experiments, and the rules by which one of them is chosen.

`grid` says which experiments there are, `record` keeps what is to be done and what was done, `rules` is the language
of selection, `select` applies it. None of these imports torch: a selection is made from the record alone.
"""
