// The weighted pseudo-likelihood and its gradient, site by site: what a site needs lies together and stays in the cache.
//
// table and gradient (sites, sites, letters + 1, WIDTH): for site i, of every other site's every letter, the couplings
// of i's letters, padded with zeros; the last row of a site stands for "no letter". rows (sequences, sites): which row
// of its site a letter is, counted from the site i's first.
#include <algorithm>
#include <cmath>

#include "lanes.h"

namespace {

constexpr int MOST = 16;  // vectors of a row: 32 doubles at 16 bytes each

template <class Real>
double site(const Real* fields, const Real* table, const int32_t* rows, const Real* weights, Real* of_fields,
            Real* of_table, int64_t i, int64_t sequences, int64_t sites, int64_t letters, int64_t width) {
    constexpr int COUNT = Lanes<Real>::count;
    const int vectors = int(width / COUNT);
    double total = 0;
    for (int64_t n = 0; n < sequences; ++n) {
        const int32_t* row = rows + n * sites;
        const int64_t own = row[i] - i * (letters + 1);
        if (own == letters || weights[n] == 0) continue;
        Vector<Real> even[MOST], odd[MOST] = {};
        for (int v = 0; v < vectors; ++v) even[v] = load<Real>(fields + v * COUNT);
        int64_t j = 0;
        for (; j + 1 < sites; j += 2) {
            const Real *a = table + row[j] * width, *b = table + row[j + 1] * width;
            for (int v = 0; v < vectors; ++v) {
                even[v] += load<Real>(a + v * COUNT);
                odd[v] += load<Real>(b + v * COUNT);
            }
        }
        if (j < sites)
            for (int v = 0; v < vectors; ++v) even[v] += load<Real>(table + row[j] * width + v * COUNT);
        alignas(64) Real logits[MOST * COUNT], share[MOST * COUNT] = {};
        for (int v = 0; v < vectors; ++v) store<Real>(logits + v * COUNT, even[v] + odd[v]);
        const Real most = *std::max_element(logits, logits + letters);
        Real sum = 0;
        for (int64_t a = 0; a < letters; ++a) sum += share[a] = std::exp(logits[a] - most);
        total += double(weights[n]) * (std::log(double(sum)) + double(most) - double(logits[own]));
        for (int64_t a = 0; a < letters; ++a) share[a] *= weights[n] / sum;
        share[own] -= weights[n];
        Vector<Real> change[MOST];
        for (int v = 0; v < vectors; ++v) {
            change[v] = load<Real>(share + v * COUNT);
            store<Real>(of_fields + v * COUNT, load<Real>(of_fields + v * COUNT) + change[v]);
        }
        for (j = 0; j < sites; ++j) {
            Real* at = of_table + row[j] * width;
            for (int v = 0; v < vectors; ++v) store<Real>(at + v * COUNT, load<Real>(at + v * COUNT) + change[v]);
        }
    }
    return total;
}

template <class Real>
void all(const Real* fields, const Real* table, const int32_t* rows, const Real* weights, Real* of_fields,
         Real* of_table, double* totals, int64_t sequences, int64_t sites, int64_t letters, int64_t width,
         int64_t threads) {
    const int64_t own = sites * (letters + 1) * width;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (int64_t i = 0; i < sites; ++i)
        totals[i] = site(fields + i * width, table + i * own, rows, weights, of_fields + i * width, of_table + i * own,
                         i, sequences, sites, letters, width);
}

}  // namespace

#define EXPORT(NAME, REAL)                                                                                            \
    extern "C" void all_##NAME(const REAL* fields, const REAL* table, const int32_t* rows, const REAL* weights,       \
                               REAL* of_fields, REAL* of_table, double* totals, int64_t sequences, int64_t sites,     \
                               int64_t letters, int64_t width, int64_t threads) {                                     \
        all(fields, table, rows, weights, of_fields, of_table, totals, sequences, sites, letters, width, threads);    \
    }

EXPORT(float32, float)
EXPORT(float64, double)
