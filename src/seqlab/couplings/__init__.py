"""Potts models fitted to one alignment: weights of sequences, statistics, direct fits, gauges, contact scores.

Letters are integers 0 to q - 1; an alignment is (N, L), fields are (L, q), couplings (L, q, L, q), symmetric and zero
at i = j. A sequence x is probable as exp(sum_i h_i(x_i) + sum_{i<j} J_ij(x_i, x_j)).
"""
