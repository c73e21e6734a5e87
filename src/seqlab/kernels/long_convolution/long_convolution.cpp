// The long convolution and its gradient, one block of channels at a time from its transform to its result.
//
// u, y (batch, length, channels); taps and back (reach, channels), back null where there is none; skip (channels).
// Taps at or beyond `length` are not read; their gradients are left as they are.
#include "right_angle.h"
#include "scratch.h"

namespace {

template <class Wide>
struct Kernel {
    const RightAngle<Wide>& plan;
    int64_t length, channels, reach;

    // The values of the taps' polynomial, behind ones included: tap j of those has lag -(j + 1).
    void spectrum(Complex<Wide>* h, const Wide* taps, const Wide* back, int64_t first, int lanes) const {
        plan.split(h, [&](int64_t n) { return n < reach ? load<Wide>(taps + n * channels + first, lanes) : Vector<Wide>{}; });
        if (back)
            plan.add_turned_split(h, [&](int64_t n) {
                int64_t j = plan.points - 1 - n;
                return j < reach ? -load<Wide>(back + j * channels + first, lanes) : Vector<Wide>{};
            });
        plan.through(h, (Complex<Wide>*)nullptr, [](int64_t, int64_t) {});
    }
};

template <class Wide, class Stored>
void forward(const Stored* u, const Wide* taps, const Wide* back, const Wide* skip, Stored* y, int64_t batch,
             int64_t length, int64_t channels, int64_t reach, int64_t threads) {
    const auto& plan = RightAngle<Wide>::of(length);
    Kernel<Wide> kernel{plan, length, channels, reach < length ? reach : length};
    for_channels<Wide>(channels, threads, [&](int64_t first, int lanes) {
        size_t stride;
        Complex<Wide>* h = Scratch::take<Complex<Wide>>(2, plan.points, &stride);
        Complex<Wide>* x = h + stride;
        Vector<Wide> own = load<Wide>(skip + first, lanes);
        kernel.spectrum(h, taps, back, first, lanes);
        for (int64_t row = 0; row < batch; ++row) {
            const Stored* in = u + row * length * channels + first;
            Stored* out = y + row * length * channels + first;
            plan.split(x, [&](int64_t n) { return n < length ? load<Wide>(in + n * channels, lanes) : Vector<Wide>{}; });
            plan.through(x, x, [&](int64_t at, int64_t count) {
                for (int64_t i = at; i < at + count; ++i) x[i] = x[i] * h[i];
            });
            plan.join(x, [&](int64_t n, Vector<Wide> value) {
                if (n < length) store<Wide>(out + n * channels, value + own * load<Wide>(in + n * channels, lanes), lanes);
            });
        }
    });
}

template <class Wide, class Stored>
void backward(const Stored* u, const Wide* taps, const Wide* back, const Wide* skip, const Stored* grad, Stored* grad_u,
              Wide* grad_taps, Wide* grad_back, Wide* grad_skip, int64_t batch, int64_t length, int64_t channels,
              int64_t reach, int64_t threads) {
    const auto& plan = RightAngle<Wide>::of(length);
    Kernel<Wide> kernel{plan, length, channels, reach < length ? reach : length};
    for_channels<Wide>(channels, threads, [&](int64_t first, int lanes) {
        size_t stride;
        Complex<Wide>* h = Scratch::take<Complex<Wide>>(4, plan.points, &stride);
        Complex<Wide>*x = h + stride, *g = x + stride, *sum = g + stride;
        Vector<Wide> own = load<Wide>(skip + first, lanes);
        kernel.spectrum(h, taps, back, first, lanes);
        for (int64_t row = 0; row < batch; ++row) {
            int64_t base = row * length * channels + first;
            auto reader = [&](const Stored* from) {
                return [=](int64_t n) { return n < length ? load<Wide>(from + base + n * channels, lanes) : Vector<Wide>{}; };
            };
            plan.split(x, reader(u));
            plan.through(x, (Complex<Wide>*)nullptr, [](int64_t, int64_t) {});
            plan.split(g, reader(grad));
            plan.through(g, g, [&](int64_t at, int64_t count) {
                for (int64_t i = at; i < at + count; ++i) {
                    Complex<Wide> product = against(g[i], x[i]);
                    sum[i] = row ? sum[i] + product : product;
                    g[i] = against(g[i], h[i]);
                }
            });
            plan.join(g, [&](int64_t n, Vector<Wide> value) {
                if (n >= length) return;
                Vector<Wide> direct = own * load<Wide>(grad + base + n * channels, lanes);
                store<Wide>(grad_u + base + n * channels, value + direct, lanes);
            });
        }
        plan.through((Complex<Wide>*)nullptr, sum, [](int64_t, int64_t) {});
        plan.join(sum, [&](int64_t n, Vector<Wide> value) {
            if (n == 0) store<Wide>(grad_skip + first, value, lanes);  // the skip is a tap at lag 0
            if (n < kernel.reach) store<Wide>(grad_taps + n * channels + first, value, lanes);
        });
        if (grad_back)
            plan.join_imaginary(sum, [&](int64_t n, Vector<Wide> value) {
                int64_t j = plan.points - 1 - n;
                if (j < kernel.reach) store<Wide>(grad_back + j * channels + first, -value, lanes);
            });
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
