// cap tanh(x / cap) of `count` numbers.
#include "entries.h"
#include "gates.h"

namespace {

template <class Stored>
void cap(const Stored* x, Stored* y, int64_t count, float most, int64_t threads) {
    for_entries<float>(count, threads, [=](int64_t place, int lanes) {
        store<float>(y + place, most * hyperbolic_tangent(load<float>(x + place, lanes) / most), lanes);
    });
}

}  // namespace

#define EXPORT(NAME, STORED)                                                                                          \
    extern "C" void cap_##NAME(const STORED* x, STORED* y, int64_t count, double most, int64_t threads) {             \
        cap(x, y, count, float(most), threads);                                                                       \
    }

EXPORT(float32, float)
EXPORT(bfloat16, bfloat16)
