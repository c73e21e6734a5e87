// The approximation of gelu by tanh and its gradient, entry by entry: x is read once and y written once.
//
// x / 2 (1 + tanh u) is x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3), which needs one exponential.
#include "entries.h"
#include "exponential.h"

namespace {

constexpr double LINEAR = 1.5957691216057308, CUBIC = 0.044715 * LINEAR;  // 2 sqrt(2 / pi)

template <class Wide>
inline Vector<Wide> sigmoid(Vector<Wide> x) {
    return 1 / (1 + exponential<Wide>(-x * (Wide(LINEAR) + Wide(CUBIC) * (x * x))));
}

template <class Wide, class Stored>
void forward(const Stored* x, Stored* y, int64_t count, int64_t threads) {
    for_entries<Wide>(count, threads, [=](int64_t place, int lanes) {
        const Vector<Wide> in = load<Wide>(x + place, lanes);
        store<Wide>(y + place, in * sigmoid<Wide>(in), lanes);
    });
}

template <class Wide, class Stored>
void backward(const Stored* x, const Stored* grad, Stored* grad_x, int64_t count, int64_t threads) {
    for_entries<Wide>(count, threads, [=](int64_t place, int lanes) {
        const Vector<Wide> in = load<Wide>(x + place, lanes), s = sigmoid<Wide>(in);
        const Vector<Wide> slope = s + in * (s - s * s) * (Wide(LINEAR) + Wide(3 * CUBIC) * (in * in));
        store<Wide>(grad_x + place, load<Wide>(grad + place, lanes) * slope, lanes);
    });
}

}  // namespace

#define EXPORT(NAME, WIDE, STORED)                                                                                    \
    extern "C" void forward_##NAME(const STORED* x, STORED* y, int64_t count, int64_t threads) {                      \
        forward<WIDE, STORED>(x, y, count, threads);                                                                  \
    }                                                                                                                 \
    extern "C" void backward_##NAME(const STORED* x, const STORED* grad, STORED* grad_x, int64_t count,               \
                                    int64_t threads) {                                                                \
        backward<WIDE, STORED>(x, grad, grad_x, count, threads);                                                      \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)
