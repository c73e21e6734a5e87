// cap tanh(x / cap) of `size` numbers.
#include "gates.h"

namespace {

template <class Stored>
void cap(const Stored* x, Stored* y, int64_t size, float most) {
    constexpr int COUNT = Lanes<float>::count;
    for (int64_t k = 0; k < size; k += COUNT) {
        const int lanes = int(size - k < COUNT ? size - k : COUNT);
        store<float>(y + k, most * hyperbolic_tangent(load<float>(x + k, lanes) / most), lanes);
    }
}

}  // namespace

#define EXPORT(NAME, STORED)                                                                                          \
    extern "C" void cap_##NAME(const STORED* x, STORED* y, int64_t size, double most, int64_t) {                      \
        cap(x, y, size, float(most));                                                                                 \
    }

EXPORT(float32, float)
EXPORT(bfloat16, bfloat16)
