// Sums and conversions of few numbers, each as torch rounds it; a NaN keeps its sign and payload.
#define ROUNDS_AS_TORCH
#include "entries.h"

namespace {

template <class Wide, class Stored>
void add(const Stored* x, const Stored* y, Stored* to, int64_t count, int64_t threads) {
    for_entries<Wide>(count, threads, [=](int64_t place, int lanes) {
        store<Wide>(to + place, load<Wide>(x + place, lanes) + load<Wide>(y + place, lanes), lanes);
    });
}

}  // namespace

#define EXPORT(NAME, WIDE, STORED)                                                                              \
    extern "C" void add_##NAME(const STORED* x, const STORED* y, STORED* to, int64_t count, int64_t threads) { \
        add<WIDE>(x, y, to, count, threads);                                                                    \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)

extern "C" void advance(int64_t* x, int64_t count, int64_t by, int64_t) {
    for (int64_t i = 0; i < count; ++i) x[i] += by;
}

extern "C" void widen(const bfloat16* x, float* to, int64_t count, int64_t threads) {
    for_entries<float>(count, threads, [=](int64_t place, int lanes) {
        store<float>(to + place, load<float>(x + place, lanes), lanes);
    });
}
