"""What the executors of clusters are made of: their options, their record, and what they run on a node.

`executors/` holds one file an engine; here lies what it hands to that engine. Nothing here imports torch, Ray or
submitit until it is called.
"""
