// f(gate) . x of a few rows, `gate_stride` and `x_stride` entries apart; y (rows, width). f: sigmoid, or silu.
#include "gates.h"

namespace {

template <class Stored, class Other>
void product(const Stored* gate, const Other* x, Stored* y, int64_t rows, int64_t width, int64_t gate_stride,
             int64_t x_stride, int64_t silu) {
    constexpr int COUNT = Lanes<float>::count;
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t k = 0; k < width; k += COUNT) {
            const int lanes = int(width - k < COUNT ? width - k : COUNT);
            const Vector<float> entry = load<float>(gate + row * gate_stride + k, lanes);
            Vector<float> opened = sigmoid(entry);
            if (silu) opened *= entry;
            store<float>(y + row * width + k, opened * load<float>(x + row * x_stride + k, lanes), lanes);
        }
}

}  // namespace

#define EXPORT(NAME, STORED, OTHER)                                                                                   \
    extern "C" void product_##NAME(const STORED* gate, const OTHER* x, STORED* y, int64_t rows, int64_t width,        \
                                   int64_t gate_stride, int64_t x_stride, int64_t silu, int64_t) {                    \
        product(gate, x, y, rows, width, gate_stride, x_stride, silu);                                                \
    }

EXPORT(float32, float, float)
EXPORT(bfloat16, bfloat16, bfloat16)
EXPORT(bfloat16_float32, bfloat16, float)
