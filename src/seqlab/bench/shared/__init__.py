"""What several benchmarks need: clocks, the machine's state, its rate of products, memory, experiments, processes."""
