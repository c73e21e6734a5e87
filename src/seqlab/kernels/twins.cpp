// Sums and conversions of few numbers, each as torch rounds it; a NaN keeps its sign and payload.
#include <cstdint>

#include "lanes.h"

namespace {

template <class Wide, class Stored>
void add(const Stored* x, const Stored* y, Stored* to, int64_t count) {
    constexpr int whole = Lanes<Wide>::count;
    for (int64_t i = 0; i < count; i += whole) {
        const int lanes = int(count - i < whole ? count - i : whole);
        store<Wide>(to + i, load<Wide>(x + i, lanes) + load<Wide>(y + i, lanes), lanes);
    }
}

}  // namespace

#define EXPORT(NAME, WIDE, STORED)                                                                              \
    extern "C" void add_##NAME(const STORED* x, const STORED* y, STORED* to, int64_t count, int64_t threads) { \
        add<WIDE>(x, y, to, count);                                                                             \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)

extern "C" void advance(int64_t* x, int64_t count, int64_t by, int64_t threads) {
    for (int64_t i = 0; i < count; ++i) x[i] += by;
}

extern "C" void widen(const bfloat16* x, float* to, int64_t count, int64_t threads) {
    constexpr int whole = Lanes<float>::count;
    for (int64_t i = 0; i < count; i += whole) {
        const int lanes = int(count - i < whole ? count - i : whole);
        store<float>(to + i, load<float>(x + i, lanes), lanes);
    }
}
