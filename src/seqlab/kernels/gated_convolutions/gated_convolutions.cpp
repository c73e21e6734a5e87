// Hyena's recurrence and its gradient: a block of channels stays in the cache from the short convolution to the gate.
//
// projected (batch, length, slots, channels); short_weight (slots, short_taps, channels); short_bias (slots, channels);
// taps and back (steps, reach, channels), back null where there is none; skip (steps, channels); slots = steps + 2.
#include <vector>

#include "block.h"

namespace {

struct Sizes {
    int64_t batch, length, steps, channels, short_taps, reach;

    int64_t slots() const { return steps + 2; }
    int64_t row() const { return slots() * channels; }
};

// The short convolutions of one block of channels.
template <class Wide, class Stored>
class Short {
public:
    using V = Vector<Wide>;

    Short(const Sizes& sizes, const Block<Wide>& block, const Wide* weight, const Wide* bias)
        : sizes(sizes), block(block), weights(sizes.slots() * sizes.short_taps), biases(sizes.slots()) {
        for (size_t i = 0; i < weights.size(); ++i) block.read_one(weight + i * sizes.channels, &weights[i]);
        for (size_t i = 0; i < biases.size(); ++i) block.read_one(bias + i * sizes.channels, &biases[i]);
        grad_weights.resize(weights.size());
        grad_biases.resize(biases.size());
    }

    // All slots of one row of the batch, into the scratch's real arrays of the same numbers.
    void forward(const Stored* projected, int64_t row, const Scratch<Wide>& to) const {
        for (int64_t slot = 0; slot < sizes.slots(); ++slot) {
            V* x = to.real(slot);
            block.read(projected + at(row, slot), sizes.row(), sizes.length, x);
            const V *last = &weights[(slot + 1) * sizes.short_taps - 1], bias = biases[slot];
            for (int64_t n = sizes.length - 1; n >= 0; --n) {
                V y = bias;
                for (int64_t lag = std::min(sizes.short_taps - 1, n); lag >= 0; --lag) y += last[-lag] * x[n - lag];
                x[n] = y;
            }
        }
    }

    // From the gradients of all slots, in the same arrays, to that of the input; those of the weights and biases are
    // added up over the rows of the batch.
    void backward(const Stored* projected, int64_t row, const Scratch<Wide>& from, V* room, Stored* grad_projected) {
        for (int64_t slot = 0; slot < sizes.slots(); ++slot) {
            V* grad = from.real(slot);
            block.read(projected + at(row, slot), sizes.row(), sizes.length, room);
            for (int64_t begin = 0; begin < sizes.length; begin += PIECE)
                add_gradients(slot, grad, room, begin, std::min(begin + PIECE, sizes.length));
            const V* last = &weights[(slot + 1) * sizes.short_taps - 1];
            for (int64_t n = 0; n < sizes.length; ++n) {
                V y = {};
                for (int64_t lag = std::min(sizes.short_taps, sizes.length - n) - 1; lag >= 0; --lag)
                    y += last[-lag] * grad[n + lag];
                grad[n] = y;
            }
            block.write(grad, grad_projected + at(row, slot), sizes.row(), sizes.length);
        }
    }

    void write_gradients(Wide* weight, Wide* bias) const {
        block.write(grad_weights.data(), weight, sizes.channels, grad_weights.size());
        block.write(grad_biases.data(), bias, sizes.channels, grad_biases.size());
    }

private:
    static constexpr int64_t PIECE = 128;  // sums of many terms are made of sums of few: their rounding stays small

    const Sizes& sizes;
    const Block<Wide>& block;
    std::vector<V> weights, biases, grad_weights, grad_biases;

    int64_t at(int64_t row, int64_t slot) const { return row * sizes.length * sizes.row() + slot * sizes.channels; }

    void add_gradients(int64_t slot, const V* grad, const V* in, int64_t begin, int64_t end) {
        V sum = {};
        for (int64_t n = begin; n < end; ++n) sum += grad[n];
        grad_biases[slot] += sum;
        for (int64_t lag = 0; lag < sizes.short_taps; ++lag) {
            sum = V{};
            for (int64_t n = std::max(begin, lag); n < end; ++n) sum += grad[n] * in[n - lag];
            grad_weights[(slot + 1) * sizes.short_taps - 1 - lag] += sum;
        }
    }
};

template <class Wide>
struct Parameters {
    Wide *short_weight, *short_bias, *taps, *back, *skip;

    Wide* back_at(int64_t offset) const { return back ? back + offset : back; }
};

// The values of the kernels of every step, into the first complex arrays.
template <class Wide>
void all_kernels(const Sizes& sizes, const Block<Wide>& block, const Scratch<Wide>& scratch,
                 const Parameters<const Wide>& of, Vector<Wide>* room) {
    int64_t reach = std::min(sizes.reach, sizes.length), size = sizes.reach * sizes.channels;
    for (int64_t o = 0; o < sizes.steps; ++o)
        block.kernel(of.taps + o * size, of.back_at(o * size), reach, sizes.channels, room, scratch.complex(o));
}

template <class Wide, class Stored>
void forward(const Sizes& sizes, const Stored* projected, const Parameters<const Wide>& of, Stored* y, int64_t threads) {
    using V = Vector<Wide>;
    const auto& plan = RightAngle<Wide>::of(sizes.length);
    const int64_t steps = sizes.steps, length = sizes.length, channels = sizes.channels;
    for_channels<Wide>(channels, threads, [&](int64_t first, int lanes) {
        Block<Wide> block{plan, first, lanes};
        Scratch<Wide> scratch(steps + 1, sizes.slots() + 1, plan.points);  // kernels and one more; slots and one more
        Short<Wide, Stored> mixed(sizes, block, of.short_weight, of.short_bias);
        Complex<Wide>* x = scratch.complex(steps);
        V *v = scratch.real(steps + 1), *result = scratch.real(steps + 2), own;
        all_kernels(sizes, block, scratch, of, v);
        for (int64_t row = 0; row < sizes.batch; ++row) {
            mixed.forward(projected, row, scratch);
            for (int64_t o = 0; o < steps; ++o) {
                const V *gate = scratch.real(steps - o), *next = scratch.real(steps - o - 1);
                if (o == 0)
                    for (int64_t n = 0; n < length; ++n) v[n] *= gate[n];
                plan.split(v, x);
                convolve(plan, x, scratch.complex(o), x);
                plan.join(x, result);
                block.read_one(of.skip + o * channels, &own);
                for (int64_t n = 0; n < length; ++n) v[n] = next[n] * (result[n] + own * v[n]);
            }
            block.write(v, y + row * length * channels, channels, length);
        }
    });
}

template <class Wide, class Stored>
void backward(const Sizes& sizes, const Stored* projected, const Parameters<const Wide>& of, const Stored* grad,
              Stored* grad_projected, const Parameters<Wide>& to, int64_t threads) {
    using V = Vector<Wide>;
    const auto& plan = RightAngle<Wide>::of(sizes.length);
    const int64_t steps = sizes.steps, length = sizes.length, channels = sizes.channels;
    for_channels<Wide>(channels, threads, [&](int64_t first, int lanes) {
        Block<Wide> block{plan, first, lanes};
        // Kernels, sums of gradients against inputs, inputs, one more; slots, v after every step, two more.
        Scratch<Wide> scratch(3 * steps + 1, sizes.slots() + steps + 2, plan.points);
        Short<Wide, Stored> mixed(sizes, block, of.short_weight, of.short_bias);
        Complex<Wide>* g = scratch.complex(3 * steps);
        V *grad_v = scratch.real(2 * steps + 2), *room = scratch.real(2 * steps + 3), own;
        all_kernels(sizes, block, scratch, of, room);
        for (int64_t row = 0; row < sizes.batch; ++row) {
            mixed.forward(projected, row, scratch);
            for (int64_t o = 0; o < steps; ++o) {
                const V *gate = scratch.real(steps - o), *v = scratch.real(steps + 1 + o);
                V* next = scratch.real(steps + 2 + o);
                Complex<Wide>* x = scratch.complex(2 * steps + o);
                std::fill(room + length, room + plan.points, V{});
                for (int64_t n = 0; n < length; ++n) room[n] = v[n] * gate[n];
                plan.split(room, x);
                convolve(plan, x, scratch.complex(o), g);
                plan.join(g, next);
                block.read_one(of.skip + o * channels, &own);
                for (int64_t n = 0; n < length; ++n) next[n] += own * room[n];
            }
            // From here on every gate makes room for its gradient, and at last v does.
            V *gate = scratch.real(0), *v = scratch.real(2 * steps + 1);
            block.read(grad + row * length * channels, channels, length, grad_v);
            for (int64_t n = 0; n < length; ++n) {
                V gradient = grad_v[n];
                grad_v[n] = gradient * gate[n];
                gate[n] = gradient * v[n];
            }
            for (int64_t o = steps - 1; o >= 0; --o) {
                gate = scratch.real(steps - o), v = scratch.real(steps + 1 + o);
                plan.split(grad_v, g);
                convolve_back(plan, g, scratch.complex(2 * steps + o), scratch.complex(o), scratch.complex(steps + o), row == 0);
                plan.join(g, room);
                block.read_one(of.skip + o * channels, &own);
                for (int64_t n = 0; n < length; ++n) {
                    V gradient = room[n] + own * grad_v[n];
                    grad_v[n] = gradient * gate[n];
                    gate[n] = gradient * v[n];
                    if (o == 0) v[n] = grad_v[n];
                }
            }
            mixed.backward(projected, row, scratch, room, grad_projected);
        }
        int64_t reach = std::min(sizes.reach, length), size = sizes.reach * channels;
        for (int64_t o = 0; o < steps; ++o)
            block.kernel_gradient(scratch.complex(steps + o), room, to.taps + o * size, to.back_at(o * size),
                                  to.skip + o * channels, reach, channels);
        mixed.write_gradients(to.short_weight, to.short_bias);
    });
}

}  // namespace

#define EXPORT(NAME, WIDE, STORED)                                                                                    \
    extern "C" void forward_##NAME(const STORED* projected, const WIDE* short_weight, const WIDE* short_bias,         \
                                   const WIDE* taps, const WIDE* back, const WIDE* skip, STORED* y, int64_t batch,    \
                                   int64_t length, int64_t steps, int64_t channels, int64_t short_taps,               \
                                   int64_t reach, int64_t threads) {                                                  \
        Sizes sizes{batch, length, steps, channels, short_taps, reach};                                               \
        Parameters<const WIDE> of{short_weight, short_bias, taps, back, skip};                                        \
        forward<WIDE, STORED>(sizes, projected, of, y, threads);                                                      \
    }                                                                                                                 \
    extern "C" void backward_##NAME(                                                                                  \
        const STORED* projected, const WIDE* short_weight, const WIDE* short_bias, const WIDE* taps,                  \
        const WIDE* back, const WIDE* skip, const STORED* grad, STORED* grad_projected, WIDE* grad_short_weight,      \
        WIDE* grad_short_bias, WIDE* grad_taps, WIDE* grad_back, WIDE* grad_skip, int64_t batch, int64_t length,      \
        int64_t steps, int64_t channels, int64_t short_taps, int64_t reach, int64_t threads) {                        \
        Sizes sizes{batch, length, steps, channels, short_taps, reach};                                               \
        Parameters<const WIDE> of{short_weight, short_bias, taps, back, skip};                                        \
        Parameters<WIDE> to{grad_short_weight, grad_short_bias, grad_taps, grad_back, grad_skip};                     \
        backward<WIDE, STORED>(sizes, projected, of, grad, grad_projected, to, threads);                              \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)
