// The mean distance of each column of values (rows, columns) from its centre, where what is below `least` counts as
// `least`. Rows lie `stride` entries apart.
#include <vector>

#include "columns.h"

namespace {

constexpr int64_t PIECE = 16;  // rows that are summed by themselves: float then loses little
constexpr int64_t SHARE = 8 * PIECE;  // rows that one thread sums, whatever `threads`, which change no bit

template <class Wide, class Stored>
void deviation(const Stored* values, const Wide* centre, Wide* mean, int64_t rows, int64_t columns, int64_t stride,
               Wide least, int64_t threads) {
    using V = Vector<Wide>;
    const int64_t shares = (rows + SHARE - 1) / SHARE, width = vectors_of<Wide>(columns);
    std::vector<V> sums(shares * width, V{});
#pragma omp parallel num_threads(threads)
    {
        std::vector<V> own(width, V{});
#pragma omp for schedule(static)
        for (int64_t share = 0; share < shares; ++share)
            for (int64_t row = share * SHARE; row < std::min(rows, (share + 1) * SHARE); ++row) {
                for_vectors<Wide>(columns, [&](int64_t column, int lanes, int64_t i) {
                    const V x = load<Wide>(values + row * stride + column, lanes);
                    const V distance = (x < least ? V{} + least : x) - load<Wide>(centre + column, lanes);
                    own[i] += distance < V{} ? -distance : distance;
                });
                if (row % PIECE == PIECE - 1 || row == rows - 1)
                    for (int64_t i = 0; i < width; ++i) {
                        sums[share * width + i] += own[i];
                        own[i] = V{};
                    }
            }
    }
    for (int64_t column = 0; column < columns; ++column) {
        double sum = 0;
        for (int64_t share = 0; share < shares; ++share) sum += entry<Wide>(&sums[share * width], column);
        mean[column] = Wide(sum / double(rows));
    }
}

}  // namespace

#define EXPORT(NAME, WIDE, STORED)                                                                                     \
    extern "C" void deviation_##NAME(const STORED* values, const WIDE* centre, WIDE* mean, int64_t rows,               \
                                     int64_t columns, int64_t stride, double least, int64_t threads) {                 \
        deviation(values, centre, mean, rows, columns, stride, WIDE(least), threads);                                  \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)
