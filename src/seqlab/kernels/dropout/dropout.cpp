// Dropout of rows (rows, width), which is its own gradient.
#include "kept.h"

namespace {

template <class Wide, class Stored>
void apply(const Stored* xs, Stored* ys, int64_t rows, int64_t width, const Dropout& dropout, int64_t threads) {
    constexpr int64_t COUNT = Lanes<Wide>::count;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; ++row) {
        const Kept<Wide> kept(dropout, uint64_t(row));
        const Stored* x = xs + row * width;
        Stored* y = ys + row * width;
        for (int64_t k = 0; k < width; k += COUNT) {
            const int lanes = int(width - k < COUNT ? width - k : COUNT);
            store<Wide>(y + k, load<Wide>(x + k, lanes) * kept(k), lanes);
        }
    }
}

}  // namespace

#define EXPORT(NAME, WIDE, STORED)                                                                                    \
    extern "C" void apply_##NAME(const STORED* x, STORED* y, int64_t rows, int64_t width, int64_t seed,               \
                                 int64_t least, double factor, int64_t threads) {                                     \
        apply<WIDE, STORED>(x, y, rows, width, {uint64_t(seed), uint32_t(least), factor}, threads);                   \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)
