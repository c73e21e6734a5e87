// The RMS norm of a few rows: x and y (rows, width), the weight (width) in float or null.
#include <cmath>

#include "lanes.h"

namespace {

template <class Stored>
void norm(const Stored* x, const float* weight, Stored* y, int64_t rows, int64_t width, double eps) {
    constexpr int COUNT = Lanes<float>::count;
    for (int64_t row = 0; row < rows; ++row, x += width, y += width) {
        Vector<float> squares = {};
        for (int64_t k = 0; k < width; k += COUNT) {
            const Vector<float> entry = load<float>(x + k, int(width - k < COUNT ? width - k : COUNT));
            squares += entry * entry;
        }
        double sum = 0;
        for (int i = 0; i < COUNT; ++i) sum += squares[i];
        const float factor = float(1 / std::sqrt(sum / double(width) + eps));
        for (int64_t k = 0; k < width; k += COUNT) {
            const int lanes = int(width - k < COUNT ? width - k : COUNT);
            Vector<float> entry = factor * load<float>(x + k, lanes);
            if (weight) entry *= load<float>(weight + k, lanes);
            store<float>(y + k, entry, lanes);
        }
    }
}

}  // namespace

#define EXPORT(NAME, STORED)                                                                                         \
    extern "C" void norm_##NAME(const STORED* x, const float* weight, STORED* y, int64_t rows, int64_t width,       \
                                double eps, int64_t) {                                                               \
        norm(x, weight, y, rows, width, eps);                                                                        \
    }

EXPORT(float32, float)
EXPORT(bfloat16, bfloat16)
