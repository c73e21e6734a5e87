// The layer norm of each of `rows` heads of `width` features: x and y (rows, width), the weight (heads, width).
#include <cmath>

#include "lanes.h"

namespace {

double total(Vector<float> x) {
    double sum = 0;
    for (int i = 0; i < Lanes<float>::count; ++i) sum += x[i];
    return sum;
}

template <class Stored>
void norm(const Stored* x, const float* weight, float* y, int64_t rows, int64_t heads, int64_t width, double eps) {
    constexpr int COUNT = Lanes<float>::count;
    const auto lanes_at = [=](int64_t k) { return int(width - k < COUNT ? width - k : COUNT); };
    for (int64_t row = 0; row < rows; ++row, x += width, y += width) {
        const float* factors = weight + row % heads * width;
        Vector<float> sums = {};
        for (int64_t k = 0; k < width; k += COUNT) sums += load<float>(x + k, lanes_at(k));
        const float mean = float(total(sums) / double(width));
        double squares = 0;
        for (int64_t k = 0; k < width; k += COUNT) {
            const Vector<float> entry = load<float>(x + k, lanes_at(k)) - mean;
            const Vector<float> square = entry * entry;
            for (int i = 0; i < lanes_at(k); ++i) squares += square[i];
        }
        const float factor = float(1 / std::sqrt(squares / double(width) + eps));
        for (int64_t k = 0; k < width; k += COUNT) {
            const int lanes = lanes_at(k);
            const Vector<float> entry = factor * (load<float>(x + k, lanes) - mean);
            store<float>(y + k, entry * load<float>(factors + k, lanes), lanes);
        }
    }
}

}  // namespace

#define EXPORT(NAME, STORED)                                                                                          \
    extern "C" void norm_##NAME(const STORED* x, const float* weight, float* y, int64_t rows, int64_t heads,          \
                                int64_t width, double eps, int64_t) {                                                 \
        norm(x, weight, y, rows, heads, width, eps);                                                                  \
    }

EXPORT(float32, float)
EXPORT(bfloat16, bfloat16)
