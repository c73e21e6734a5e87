// The weighted pseudo-likelihood and its gradient, site by site: what a site needs is laid out anew and stays in the
// cache.
//
// couplings (pairs i < j, row by row, letters of i, letters of j). Each pair serves the conditional of its second site,
// given the first, and where not only earlier sites are seen, that of its first. Letters (sequences, sites) are bytes;
// `letters` itself stands for "no letter".
#include <algorithm>
#include <cmath>
#include <vector>

#include "lanes.h"

namespace {

constexpr int WIDEST = 32;

template <class Real>
struct Problem {
    const Real *fields, *couplings;
    const uint8_t* rows;
    const Real* weights;
    Real *of_fields, *of_first, *of_second;  // of_first is null where sites see earlier ones alone
    double* totals;
    int64_t sequences, sites, letters;

    int64_t pair(int64_t i, int64_t j) const { return (i * (2 * sites - i - 1) / 2 + j - i - 1) * letters * letters; }
};

// The couplings of one site with all that it sees: of each other site's each letter, and of no letter, those of its
// own letters, V vectors padded with zeros.
template <class Real, int V>
class Site {
    static constexpr int COUNT = Lanes<Real>::count, WIDTH = V * COUNT;
    const Problem<Real>& of;
    const int64_t i, seen, step;
    std::vector<Real> table, of_table;

public:
    Site(const Problem<Real>& of, int64_t i)
        : of(of), i(i), seen(of.of_first ? of.sites : i), step((of.letters + 1) * WIDTH),
          table(seen * step), of_table(seen * step) {}

    double run() {
        lay_out();
        double total = 0;
        alignas(64) Real own_fields[WIDTH] = {};
        std::copy(of.fields + i * of.letters, of.fields + (i + 1) * of.letters, own_fields);
        Vector<Real> of_fields[V] = {};
        for (int64_t n = 0; n < of.sequences; ++n) {
            const uint8_t* row = of.rows + n * of.sites;
            if (row[i] == of.letters || of.weights[n] == 0) continue;
            Vector<Real> change[V];
            total += conditional(own_fields, row, of.weights[n], change);
            for (int v = 0; v < V; ++v) of_fields[v] += change[v];
            Real* at = of_table.data();
            for (int64_t j = 0; j < seen; ++j, at += step) {
                Real* here = at + row[j] * WIDTH;
                for (int v = 0; v < V; ++v)
                    store<Real>(here + v * COUNT, load<Real>(here + v * COUNT) + change[v]);
            }
        }
        alignas(64) Real sums[WIDTH];
        for (int v = 0; v < V; ++v) store<Real>(sums + v * COUNT, of_fields[v]);
        std::copy(sums, sums + of.letters, of.of_fields + i * of.letters);
        collect();
        return total;
    }

private:
    // -w log p of the letter that a sequence has here, and its derivative by the logits.
    double conditional(const Real* fields, const uint8_t* row, Real weight, Vector<Real>* change) const {
        Vector<Real> even[V], odd[V] = {};
        for (int v = 0; v < V; ++v) even[v] = load<Real>(fields + v * COUNT);
        const Real* at = table.data();
        int64_t j = 0;
        for (; j + 1 < seen; j += 2, at += 2 * step) {
            const Real *a = at + row[j] * WIDTH, *b = at + step + row[j + 1] * WIDTH;
            for (int v = 0; v < V; ++v) {
                even[v] += load<Real>(a + v * COUNT);
                odd[v] += load<Real>(b + v * COUNT);
            }
        }
        if (j < seen)
            for (int v = 0; v < V; ++v) even[v] += load<Real>(at + row[j] * WIDTH + v * COUNT);
        alignas(64) Real logits[WIDTH], share[WIDTH] = {};
        for (int v = 0; v < V; ++v) store<Real>(logits + v * COUNT, even[v] + odd[v]);
        const int64_t letters = of.letters, own = row[i];
        const Real most = *std::max_element(logits, logits + letters);
        Real sum = 0;
        for (int64_t a = 0; a < letters; ++a) sum += share[a] = std::exp(logits[a] - most);
        const Real scale = weight / sum;
        for (int64_t a = 0; a < letters; ++a) share[a] *= scale;
        share[own] -= weight;
        for (int v = 0; v < V; ++v) change[v] = load<Real>(share + v * COUNT);
        return double(weight) * (std::log(double(sum)) + double(most) - double(logits[own]));
    }

    void lay_out() {
        const int64_t letters = of.letters;
        for (int64_t j = 0; j < seen; ++j) {
            Real* to = table.data() + j * step;
            const Real* from = of.couplings + (j < i ? of.pair(j, i) : of.pair(i, j));
            for (int64_t b = 0; b < letters && j != i; ++b)
                for (int64_t a = 0; a < letters; ++a)
                    to[b * WIDTH + a] = j < i ? from[b * letters + a] : from[a * letters + b];
        }
    }

    void collect() const {
        const int64_t letters = of.letters;
        for (int64_t j = 0; j < seen; ++j) {
            const Real* from = of_table.data() + j * step;
            Real* to = j < i ? of.of_second + of.pair(j, i) : of.of_first + of.pair(i, j);
            for (int64_t b = 0; b < letters && j != i; ++b)
                for (int64_t a = 0; a < letters; ++a)
                    (j < i ? to[b * letters + a] : to[a * letters + b]) = from[b * WIDTH + a];
        }
    }
};

template <class Real, int V>
double run(const Problem<Real>& of, int64_t i) {
    constexpr int COUNT = Lanes<Real>::count;
    if constexpr (V * COUNT < WIDEST)
        if (of.letters > V * COUNT) return run<Real, V + 1>(of, i);
    return Site<Real, V>(of, i).run();
}

template <class Real>
void all(const Problem<Real>& of, int64_t threads) {
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(dynamic, 1)
        for (int64_t i = of.sites - 1; i >= 0; --i) of.totals[i] = run<Real, 1>(of, i);
        if (of.of_first) {
            const int64_t size = of.pair(of.sites - 1, of.sites);
#pragma omp for schedule(static)
            for (int64_t k = 0; k < size; ++k) of.of_second[k] += of.of_first[k];
        }
    }
}

}  // namespace

#define EXPORT(NAME, REAL)                                                                                            \
    extern "C" void all_##NAME(const REAL* fields, const REAL* couplings, const uint8_t* rows, const REAL* weights,   \
                               REAL* of_fields, REAL* of_first, REAL* of_second, double* totals, int64_t sequences,   \
                               int64_t sites, int64_t letters, int64_t threads) {                                     \
        all<REAL>({fields, couplings, rows, weights, of_fields, of_first, of_second, totals, sequences, sites,        \
                   letters}, threads);                                                                                \
    }

EXPORT(float32, float)
EXPORT(float64, double)
