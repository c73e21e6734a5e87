"""What the server counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

__all__ = ["Metrics"]

SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class Metrics:
    """The numbers of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.answers = Counter(
            "seqlab_answers", "Answers by path and status", ["path", "status"], registry=self.registry
        )
        self.read = self._counter("prompt_symbols", "Symbols of prompts that were read")
        self.written = self._counter("written_symbols", "Symbols that were written")
        self.cancelled = self._counter("cancelled", "Texts that nobody wanted any more")
        self.failed = self._counter("failed", "Texts that the model could not write")
        self.first = self._seconds("first_symbol", "Seconds from a request to its first symbol, with the wait")
        self.prefill = self._seconds("prefill", "Seconds to read a prompt")
        self.step = self._seconds("step", "Seconds of a step of all texts")

    def exposed(self, writing: int, waiting: int) -> bytes:
        """All numbers in Prometheus' text format."""
        now = "# TYPE seqlab_{0} gauge\nseqlab_{0} {1}\n"
        gauges = now.format("writing", writing) + now.format("waiting", waiting)
        return generate_latest(self.registry) + gauges.encode()

    def _counter(self, name: str, what: str) -> Counter:
        return Counter(f"seqlab_{name}", what, registry=self.registry)

    def _seconds(self, name: str, what: str) -> Histogram:
        return Histogram(f"seqlab_{name}_seconds", what, buckets=SECONDS, registry=self.registry)
