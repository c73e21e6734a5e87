// Of each column of values (rows, columns), whose rows lie `stride` entries apart: how many are above 0, and the
// highest, which a NaN is.
#include <vector>

#include "columns.h"

namespace {

template <class Wide, class Stored>
void firing(const Stored* values, double* count, Wide* highest, int64_t rows, int64_t columns, int64_t stride,
            int64_t threads) {
    using V = Vector<Wide>;
    using Whole = decltype(V{} > V{});
    std::fill(count, count + columns, 0.0);
    std::fill(highest, highest + columns, Wide(-__builtin_inff()));
#pragma omp parallel num_threads(threads)
    {
        std::vector<Whole> above(vectors_of<Wide>(columns), Whole{});
        std::vector<V> most(vectors_of<Wide>(columns), V{} - __builtin_inff());
#pragma omp for schedule(static)
        for (int64_t row = 0; row < rows; ++row)
            for_vectors<Wide>(columns, [&](int64_t column, int lanes, int64_t i) {
                const V x = load<Wide>(values + row * stride + column, lanes);
                above[i] -= x > V{};  // true is -1
                most[i] = (x > most[i]) | (x != x) ? x : most[i];
            });
#pragma omp critical
        for (int64_t column = 0; column < columns; ++column) {
            const Wide x = entry<Wide>(most.data(), column);
            count[column] += double(entry<Wide>(above.data(), column));
            if (x > highest[column] || x != x) highest[column] = x;
        }
    }
}

}  // namespace

#define EXPORT(NAME, WIDE, STORED)                                                                                     \
    extern "C" void firing_##NAME(const STORED* values, double* count, WIDE* highest, int64_t rows, int64_t columns,   \
                                  int64_t stride, int64_t threads) {                                                   \
        firing(values, count, highest, rows, columns, stride, threads);                                                \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)
