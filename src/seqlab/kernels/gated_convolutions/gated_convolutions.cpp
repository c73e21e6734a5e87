// Hyena's recurrence and its gradient: a block of channels stays in the cache from the short convolution to the gate.
//
// projected (batch, length, slots, channels); short_weight (slots, short_taps, channels); short_bias (slots, channels);
// taps and back (steps, reach, channels), back null where there is none; skip (steps, channels); slots = steps + 2.
#include <algorithm>
#include <vector>

#include "scratch.h"

namespace {

struct Sizes {
    int64_t batch, length, steps, channels, short_taps, reach;

    int64_t slots() const { return steps + 2; }
    int64_t row() const { return slots() * channels; }
    int64_t kernel() const { return reach * channels; }
};

// The short convolutions of one block of channels and one row of the batch.
template <class Wide, class Stored>
class Short {
public:
    using V = Vector<Wide>;

    Short(const Sizes& sizes, const Wide* weight, const Wide* bias, int64_t first, int lanes)
        : sizes(sizes), first(first), lanes(lanes) {
        for (int64_t slot = 0; slot < sizes.slots(); ++slot) {
            biases.push_back(load<Wide>(bias + slot * sizes.channels + first, lanes));
            for (int64_t j = 0; j < sizes.short_taps; ++j)
                weights.push_back(load<Wide>(weight + (slot * sizes.short_taps + j) * sizes.channels + first, lanes));
        }
    }

    void begin(const Stored* projected, int64_t row) {
        rows = projected + row * sizes.length * sizes.row() + first;
    }

    V input(int64_t slot, int64_t n) const { return load<Wide>(rows + n * sizes.row() + slot * sizes.channels, lanes); }

    V operator()(int64_t slot, int64_t n) const {
        const V* own = &weights[slot * sizes.short_taps];
        V y = biases[slot];
        for (int64_t lag = 0; lag < std::min(sizes.short_taps, n + 1); ++lag)
            y += own[sizes.short_taps - 1 - lag] * input(slot, n - lag);
        return y;
    }

    // From the gradient of a slot's convolution, followed by short_taps - 1 zeros, to those of its input and of its
    // weight (short_taps, channels) and bias, which are added up over the rows of the batch.
    void backward(int64_t slot, const V* grad, Stored* grad_projected, int64_t row, V* grad_weight, V* grad_bias) const {
        constexpr int64_t PIECE = 128;  // sums of many terms are made of sums of few: their rounding stays small
        const V* own = &weights[slot * sizes.short_taps];
        Stored* to = grad_projected + row * sizes.length * sizes.row() + slot * sizes.channels + first;
        std::vector<V> sums(sizes.short_taps + 1);
        for (int64_t begin = 0; begin < sizes.length; begin += PIECE) {
            std::fill(sums.begin(), sums.end(), V{});
            for (int64_t n = begin; n < std::min(begin + PIECE, sizes.length); ++n) {
                V back = {};
                for (int64_t lag = 0; lag < sizes.short_taps; ++lag) {
                    back += own[sizes.short_taps - 1 - lag] * grad[n + lag];
                    if (lag <= n) sums[sizes.short_taps - 1 - lag] += grad[n] * input(slot, n - lag);
                }
                sums.back() += grad[n];
                store<Wide>(to + n * sizes.row(), back, lanes);
            }
            for (int64_t j = 0; j < sizes.short_taps; ++j) grad_weight[j] += sums[j];
            *grad_bias += sums.back();
        }
    }

private:
    const Sizes& sizes;
    int64_t first;
    int lanes;
    std::vector<V> weights, biases;
    const Stored* rows = nullptr;
};

// The values of the kernels of every step, into the first arrays of the scratch.
template <class Wide>
void all_kernels(const Sizes& sizes, const RightAngle<Wide>& plan, const Scratch<Wide>& scratch, const Wide* taps,
                 const Wide* back, int64_t first, int lanes) {
    for (int64_t o = 0; o < sizes.steps; ++o) {
        int64_t at = o * sizes.kernel() + first;
        int64_t reach = std::min(sizes.reach, sizes.length);
        kernel_values(plan, scratch.complex(o), taps + at, back ? back + at : back, reach, sizes.channels, lanes);
    }
}

template <class Wide, class Stored>
void forward(const Sizes& sizes, const Stored* projected, const Wide* short_weight, const Wide* short_bias,
             const Wide* taps, const Wide* back, const Wide* skip, Stored* y, int64_t threads) {
    using V = Vector<Wide>;
    const auto& plan = RightAngle<Wide>::of(sizes.length);
    for_channels<Wide>(sizes.channels, threads, [&](int64_t first, int lanes) {
        Scratch<Wide> scratch(sizes.steps + 1, 1, plan.points);
        Short<Wide, Stored> mixed(sizes, short_weight, short_bias, first, lanes);
        Complex<Wide>* x = scratch.complex(sizes.steps);
        V* v = scratch.real(0);
        all_kernels(sizes, plan, scratch, taps, back, first, lanes);
        for (int64_t row = 0; row < sizes.batch; ++row) {
            Stored* to = y + row * sizes.length * sizes.channels + first;
            mixed.begin(projected, row);
            for (int64_t o = 0; o < sizes.steps; ++o) {
                const Complex<Wide>* h = scratch.complex(o);
                V own = load<Wide>(skip + o * sizes.channels + first, lanes);
                plan.split(x, [&](int64_t n) {
                    if (n >= sizes.length) return V{};
                    V before = o == 0 ? mixed(sizes.steps + 1, n) : v[n];
                    return v[n] = before * mixed(sizes.steps - o, n);
                });
                plan.through(x, x, [&](int64_t at, int64_t count) {
                    for (int64_t i = at; i < at + count; ++i) x[i] = x[i] * h[i];
                });
                plan.join(x, [&](int64_t n, V value) {
                    if (n >= sizes.length) return;
                    value += own * v[n];
                    if (o < sizes.steps - 1) v[n] = value;
                    else store<Wide>(to + n * sizes.channels, value * mixed(0, n), lanes);
                });
            }
        }
    });
}

template <class Wide>
struct Gradients {
    Wide *short_weight, *short_bias, *taps, *back, *skip;
};

template <class Wide, class Stored>
void backward(const Sizes& sizes, const Stored* projected, const Wide* short_weight, const Wide* short_bias,
              const Wide* taps, const Wide* back, const Wide* skip, const Stored* grad, Stored* grad_projected,
              const Gradients<Wide>& to, int64_t threads) {
    using V = Vector<Wide>;
    const auto& plan = RightAngle<Wide>::of(sizes.length);
    const int64_t steps = sizes.steps, length = sizes.length, channels = sizes.channels;
    for_channels<Wide>(channels, threads, [&](int64_t first, int lanes) {
        // Kernels, sums of gradients against inputs, inputs; one more. v before every step and at last; two more.
        Scratch<Wide> scratch(3 * steps + 1, steps + 3, plan.points + sizes.short_taps);
        Short<Wide, Stored> mixed(sizes, short_weight, short_bias, first, lanes);
        Complex<Wide>* g = scratch.complex(3 * steps);
        V *grad_v = scratch.real(steps + 1), *held = scratch.real(steps + 2);
        std::vector<V> grad_short(sizes.slots() * sizes.short_taps), grad_bias(sizes.slots());
        all_kernels(sizes, plan, scratch, taps, back, first, lanes);
        for (int64_t row = 0; row < sizes.batch; ++row) {
            const Stored* from = grad + row * length * channels + first;
            auto short_backward = [&](int64_t slot, V* gradient) {
                std::fill(gradient + length, gradient + length + sizes.short_taps - 1, V{});
                mixed.backward(slot, gradient, grad_projected, row, &grad_short[slot * sizes.short_taps], &grad_bias[slot]);
            };
            mixed.begin(projected, row);
            for (int64_t n = 0; n < length; ++n) scratch.real(0)[n] = mixed(steps + 1, n);
            for (int64_t o = 0; o < steps; ++o) {
                const Complex<Wide>* h = scratch.complex(o);
                Complex<Wide>* x = scratch.complex(2 * steps + o);
                V *v = scratch.real(o), *next = scratch.real(o + 1), own = load<Wide>(skip + o * channels + first, lanes);
                plan.split(x, [&](int64_t n) { return n < length ? held[n] = v[n] * mixed(steps - o, n) : V{}; });
                plan.through(x, g, [&](int64_t at, int64_t count) {
                    for (int64_t i = at; i < at + count; ++i) g[i] = x[i] * h[i];
                });
                plan.join(g, [&](int64_t n, V value) {
                    if (n < length) next[n] = value + own * held[n];
                });
            }
            for (int64_t n = 0; n < length; ++n) {
                V gradient = load<Wide>(from + n * channels, lanes);
                grad_v[n] = gradient * mixed(0, n);
                held[n] = gradient * scratch.real(steps)[n];
            }
            short_backward(0, held);
            for (int64_t o = steps - 1; o >= 0; --o) {
                const Complex<Wide>*h = scratch.complex(o), *x = scratch.complex(2 * steps + o);
                Complex<Wide>* sum = scratch.complex(steps + o);
                V *v = scratch.real(o), own = load<Wide>(skip + o * channels + first, lanes);
                plan.split(g, [&](int64_t n) { return n < length ? grad_v[n] : V{}; });
                plan.through(g, g, [&](int64_t at, int64_t count) {
                    for (int64_t i = at; i < at + count; ++i) {
                        Complex<Wide> product = against(g[i], x[i]);
                        sum[i] = row ? sum[i] + product : product;
                        g[i] = against(g[i], h[i]);
                    }
                });
                plan.join(g, [&](int64_t n, V value) {
                    if (n >= length) return;
                    value += own * grad_v[n];
                    held[n] = value * v[n];
                    grad_v[n] = value * mixed(steps - o, n);
                });
                short_backward(steps - o, held);
            }
            short_backward(steps + 1, grad_v);
        }
        for (int64_t o = 0; o < steps; ++o) {
            int64_t at = o * sizes.kernel() + first;
            kernel_gradients(plan, scratch.complex(steps + o), to.taps + at, to.back ? to.back + at : to.back,
                             to.skip + o * channels + first, std::min(sizes.reach, length), channels, lanes);
        }
        for (int64_t slot = 0; slot < sizes.slots(); ++slot) {
            store<Wide>(to.short_bias + slot * channels + first, grad_bias[slot], lanes);
            for (int64_t j = slot * sizes.short_taps; j < (slot + 1) * sizes.short_taps; ++j)
                store<Wide>(to.short_weight + j * channels + first, grad_short[j], lanes);
        }
    });
}

}  // namespace

#define EXPORT(NAME, WIDE, STORED)                                                                                    \
    extern "C" void forward_##NAME(const STORED* projected, const WIDE* short_weight, const WIDE* short_bias,         \
                                   const WIDE* taps, const WIDE* back, const WIDE* skip, STORED* y, int64_t batch,    \
                                   int64_t length, int64_t steps, int64_t channels, int64_t short_taps,               \
                                   int64_t reach, int64_t threads) {                                                  \
        Sizes sizes{batch, length, steps, channels, short_taps, reach};                                               \
        forward<WIDE, STORED>(sizes, projected, short_weight, short_bias, taps, back, skip, y, threads);              \
    }                                                                                                                 \
    extern "C" void backward_##NAME(                                                                                  \
        const STORED* projected, const WIDE* short_weight, const WIDE* short_bias, const WIDE* taps,                  \
        const WIDE* back, const WIDE* skip, const STORED* grad, STORED* grad_projected, WIDE* grad_short_weight,      \
        WIDE* grad_short_bias, WIDE* grad_taps, WIDE* grad_back, WIDE* grad_skip, int64_t batch, int64_t length,      \
        int64_t steps, int64_t channels, int64_t short_taps, int64_t reach, int64_t threads) {                        \
        Sizes sizes{batch, length, steps, channels, short_taps, reach};                                               \
        Gradients<WIDE> to{grad_short_weight, grad_short_bias, grad_taps, grad_back, grad_skip};                      \
        backward<WIDE, STORED>(sizes, projected, short_weight, short_bias, taps, back, skip, grad, grad_projected,    \
                               to, threads);                                                                          \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)
