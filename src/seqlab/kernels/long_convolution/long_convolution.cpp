// The long convolution and its gradient, one block of channels at a time from its transform to its result.
//
// u, y (batch, length, channels); taps and back (reach, channels), back null where there is none; skip (channels).
// Taps at or beyond `length` are not read; their gradients are left as they are.
#include "block.h"

namespace {

template <class Wide, class Stored>
void forward(const Stored* u, const Wide* taps, const Wide* back, const Wide* skip, Stored* y, int64_t batch,
             int64_t length, int64_t channels, int64_t reach, int64_t threads) {
    using V = Vector<Wide>;
    const auto& plan = RightAngle<Wide>::of(length);
    for_channels<Wide>(channels, threads, [&](int64_t first, int lanes) {
        Block<Wide> block{plan, first, lanes};
        Scratch<Wide> scratch(2, 2, plan.points);
        Complex<Wide>*h = scratch.complex(0), *x = scratch.complex(1);
        V *in = scratch.real(0), *out = scratch.real(1), own = load<Wide>(skip + first, lanes);
        block.kernel(taps, back, std::min(reach, length), channels, in, h);
        for (int64_t row = 0; row < batch; ++row) {
            int64_t base = row * length * channels;
            block.read(u + base, channels, length, in);
            plan.split(in, x);
            convolve(plan, x, h, x);
            plan.join(x, out);
            for (int64_t n = 0; n < length; ++n) out[n] += own * in[n];
            block.write(out, y + base, channels, length);
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
        Block<Wide> block{plan, first, lanes};
        Scratch<Wide> scratch(4, 2, plan.points);
        Complex<Wide>*h = scratch.complex(0), *x = scratch.complex(1), *g = scratch.complex(2);
        Complex<Wide>* sum = scratch.complex(3);
        V *in = scratch.real(0), *out = scratch.real(1), own = load<Wide>(skip + first, lanes);
        block.kernel(taps, back, reach, channels, in, h);
        for (int64_t row = 0; row < batch; ++row) {
            int64_t base = row * length * channels;
            block.read(u + base, channels, length, in);
            plan.split(in, x);
            plan.down(x);
            block.read(grad + base, channels, length, in);
            plan.split(in, g);
            convolve_back(plan, g, x, h, sum, row == 0);
            plan.join(g, out);
            for (int64_t n = 0; n < length; ++n) out[n] += own * in[n];
            block.write(out, grad_u + base, channels, length);
        }
        block.kernel_gradient(sum, out, grad_taps, grad_back, grad_skip, reach, channels);
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
