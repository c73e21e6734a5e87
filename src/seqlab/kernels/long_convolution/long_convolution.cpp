// The long convolution and its gradient, one block of channels at a time from its transform to its result.
//
// u, y (batch, length, channels); taps and back (reach, channels), back null where there is none; skip (channels).
// Taps at or beyond `length` are not read; their gradients are left as they are.
#include <algorithm>

#include "scratch.h"

namespace {

template <class Wide, class Stored>
void forward(const Stored* u, const Wide* taps, const Wide* back, const Wide* skip, Stored* y, int64_t batch,
             int64_t length, int64_t channels, int64_t reach, int64_t threads) {
    using V = Vector<Wide>;
    const auto& plan = RightAngle<Wide>::of(length);
    for_channels<Wide>(channels, threads, [&](int64_t first, int lanes) {
        Scratch<Wide> scratch(2, 0, plan.points);
        Complex<Wide>*h = scratch.complex(0), *x = scratch.complex(1);
        V own = load<Wide>(skip + first, lanes);
        kernel_values(plan, h, taps + first, back ? back + first : back, std::min(reach, length), channels, lanes);
        for (int64_t row = 0; row < batch; ++row) {
            int64_t base = row * length * channels + first;
            auto in = [=](int64_t n) { return n < length ? load<Wide>(u + base + n * channels, lanes) : V{}; };
            plan.split(x, in);
            plan.through(x, x, [&](int64_t at, int64_t count) {
                for (int64_t i = at; i < at + count; ++i) x[i] = x[i] * h[i];
            });
            plan.join(x, [&](int64_t n, V value) {
                if (n < length) store<Wide>(y + base + n * channels, value + own * in(n), lanes);
            });
        }
    });
}

template <class Wide, class Stored>
void backward(const Stored* u, const Wide* taps, const Wide* back, const Wide* skip, const Stored* grad, Stored* grad_u,
              Wide* grad_taps, Wide* grad_back, Wide* grad_skip, int64_t batch, int64_t length, int64_t channels,
              int64_t reach, int64_t threads) {
    using V = Vector<Wide>;
    const auto& plan = RightAngle<Wide>::of(length);
    reach = std::min(reach, length);
    for_channels<Wide>(channels, threads, [&](int64_t first, int lanes) {
        Scratch<Wide> scratch(4, 0, plan.points);
        Complex<Wide>*h = scratch.complex(0), *x = scratch.complex(1), *g = scratch.complex(2);
        Complex<Wide>* sum = scratch.complex(3);
        V own = load<Wide>(skip + first, lanes);
        kernel_values(plan, h, taps + first, back ? back + first : back, reach, channels, lanes);
        for (int64_t row = 0; row < batch; ++row) {
            int64_t base = row * length * channels + first;
            auto of = [=](const Stored* array) {
                return [=](int64_t n) { return n < length ? load<Wide>(array + base + n * channels, lanes) : V{}; };
            };
            plan.split(x, of(u));
            plan.down(x);
            plan.split(g, of(grad));
            plan.through(g, g, [&](int64_t at, int64_t count) {
                for (int64_t i = at; i < at + count; ++i) {
                    Complex<Wide> product = against(g[i], x[i]);
                    sum[i] = row ? sum[i] + product : product;
                    g[i] = against(g[i], h[i]);
                }
            });
            plan.join(g, [&](int64_t n, V value) {
                if (n < length) store<Wide>(grad_u + base + n * channels, value + own * of(grad)(n), lanes);
            });
        }
        kernel_gradients(plan, sum, grad_taps + first, grad_back ? grad_back + first : grad_back, grad_skip + first, reach,
                         channels, lanes);
    });
}

}  // namespace

#define EXPORT(NAME, WIDE, STORED)                                                                                     \
    extern "C" void forward_##NAME(const STORED* u, const WIDE* taps, const WIDE* back, const WIDE* skip, STORED* y,   \
                                   int64_t batch, int64_t length, int64_t channels, int64_t reach, int64_t threads) { \
        forward<WIDE, STORED>(u, taps, back, skip, y, batch, length, channels, reach, threads);                        \
    }                                                                                                                  \
    extern "C" void backward_##NAME(const STORED* u, const WIDE* taps, const WIDE* back, const WIDE* skip,             \
                                    const STORED* grad, STORED* grad_u, WIDE* grad_taps, WIDE* grad_back,              \
                                    WIDE* grad_skip, int64_t batch, int64_t length, int64_t channels, int64_t reach,   \
                                    int64_t threads) {                                                                 \
        backward<WIDE, STORED>(u, taps, back, skip, grad, grad_u, grad_taps, grad_back, grad_skip, batch, length,      \
                               channels, reach, threads);                                                              \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)
