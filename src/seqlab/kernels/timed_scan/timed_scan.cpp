// The recurrence s_l = z^t s_{l-1} + t x_l with t = sigmoid(time + bias), and its gradient.
//
// time, data, y (batch, length, features); rate, log z, (2, features); states (batch, 2, features); starts (batch,
// length) or null: where the state before is not carried on. Threads share out the rows and blocks of features. Of the
// states only those before every piece of positions are kept: the gradient computes a piece's once more, last piece
// first, which costs less than reading them would.
#include <algorithm>
#include <vector>

#include "circle.h"
#include "exponential.h"

namespace {

struct Sizes {
    int64_t batch, length, features, piece;
};

constexpr int64_t VECTORS = 8;  // of a block: a few lines of the cache at every position

template <class Wide>
struct State {
    Vector<Wide> re, im;
};

// What a position does with the state before it.
template <class Wide>
struct Passing {
    Vector<Wide> time;
    State<Wide> decay;
};

template <class Wide>
inline Passing<Wide> passing(Vector<Wide> time, State<Wide> rate, Wide bias, bool start) {
    using V = Vector<Wide>;
    const V t = 1 / (1 + exponential<Wide>(-(time + bias)));
    if (start) return {t, {V{}, V{}}};
    const V modulus = exponential<Wide>(t * rate.re);
    const OnCircle<Wide> at = on_circle<Wide>(t * rate.im);
    return {t, {modulus * at.cosine, modulus * at.sine}};
}

template <class Wide>
inline State<Wide> times(State<Wide> a, State<Wide> b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

// One row's block of features: vector j begins at feature `first + j count` and has `lanes(j)` of them.
template <class Wide>
struct Block {
    static constexpr int64_t COUNT = Lanes<Wide>::count;
    int64_t row, first, end;

    int64_t vectors() const { return (end - first + COUNT - 1) / COUNT; }
    int64_t feature(int64_t j) const { return first + j * COUNT; }
    int lanes(int64_t j) const { return int(std::min(COUNT, end - feature(j))); }

    State<Wide> read(const Wide* states, int64_t features, int64_t j) const {
        return {load<Wide>(states + feature(j), lanes(j)), load<Wide>(states + features + feature(j), lanes(j))};
    }
    void write(Wide* states, int64_t features, int64_t j, State<Wide> state) const {
        store<Wide>(states + feature(j), state.re, lanes(j));
        store<Wide>(states + features + feature(j), state.im, lanes(j));
    }
};

template <class Wide, class Work>
void for_blocks(const Sizes& sizes, int64_t threads, Work work) {
    const int64_t width = VECTORS * Lanes<Wide>::count, blocks = (sizes.features + width - 1) / width;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t task = 0; task < sizes.batch * blocks; ++task) {
        const int64_t first = task % blocks * width;
        work(Block<Wide>{task / blocks, first, std::min(first + width, sizes.features)});
    }
}

template <class Wide, class Stored>
void forward(const Stored* time, const Stored* data, const Wide* rates, const Wide* initial, const bool* starts,
             Stored* y, Wide* borders, Wide* last, Sizes sizes, Wide bias, int64_t threads) {
    const int64_t f = sizes.features, pieces = (sizes.length + sizes.piece - 1) / sizes.piece;
    for_blocks<Wide>(sizes, threads, [=](Block<Wide> block) {
        State<Wide> rate[VECTORS], state[VECTORS];
        for (int64_t j = 0; j < block.vectors(); ++j) {
            rate[j] = block.read(rates, f, j);
            state[j] = block.read(initial + block.row * 2 * f, f, j);
        }
        for (int64_t l = 0; l < sizes.length; ++l) {
            const int64_t position = block.row * sizes.length + l;
            Wide* border = borders + (block.row * pieces + l / sizes.piece) * 2 * f;
            for (int64_t j = 0; j < block.vectors(); ++j) {
                if (l % sizes.piece == 0) block.write(border, f, j, state[j]);
                const int64_t place = position * f + block.feature(j);
                const int lanes = block.lanes(j);
                const Passing<Wide> way =
                    passing<Wide>(load<Wide>(time + place, lanes), rate[j], bias, starts && starts[position]);
                state[j] = times(way.decay, state[j]);
                state[j].re += way.time * load<Wide>(data + place, lanes);
                store<Wide>(y + place, state[j].re, lanes);
            }
        }
        for (int64_t j = 0; j < block.vectors(); ++j) block.write(last + block.row * 2 * f, f, j, state[j]);
    });
}

// The gradient of one vector of features.
template <class Wide>
struct Gradient {
    State<Wide> rate, carried;  // log z; the gradient of the state
    double sums[2][Lanes<Wide>::count] = {};  // the gradient of log z
};

// What the gradient reads of one position and one vector.
template <class Wide>
struct Given {
    Vector<Wide> time, data, grad_y;
};

// Positions `begin` to `end` of a row, one block of features: pointers are to the row's first position.
template <class Wide, class Stored>
struct Piece {
    const Stored *time, *data, *grad_y;
    Stored *grad_time, *grad_data;
    const bool* starts;
    int64_t begin, end, features;
    Block<Wide> block;

    int64_t place(int64_t l, int64_t j) const { return l * features + block.feature(j); }

    // All that is read, each vector's positions one behind the other: a line of the cache that two vectors share, as
    // where the features are no multiple of a line, is fetched once.
    void gather(Given<Wide>* to) const {
        const int64_t count = end - begin;
        for (int64_t l = begin; l < end; ++l)
            for (int64_t j = 0; j < block.vectors(); ++j) {
                const int64_t at = place(l, j);
                const int lanes = block.lanes(j);
                to[j * count + l - begin] = {load<Wide>(time + at, lanes), load<Wide>(data + at, lanes),
                                             load<Wide>(grad_y + at, lanes)};
            }
    }

    // One vector of features; `ways` and `faded`, z^t s_{l-1}, have room for every position.
    void backward(int64_t j, const Given<Wide>* given, Gradient<Wide>& to, State<Wide> state, Wide bias,
                  Passing<Wide>* ways, State<Wide>* faded) const {
        using V = Vector<Wide>;
        const int lanes = block.lanes(j);
        for (int64_t l = 0; l < end - begin; ++l) {
            const bool start = starts && starts[begin + l];
            const Passing<Wide> way = ways[l] = passing<Wide>(given[l].time, to.rate, bias, start);
            faded[l] = state = times(way.decay, state);
            state.re += way.time * given[l].data;
        }
        State<Wide> g = to.carried, sum = {V{}, V{}};
        for (int64_t l = end - begin; l-- > 0;) {
            const Passing<Wide> way = ways[l];
            const State<Wide> held = faded[l];
            g.re += given[l].grad_y;
            // d(z^t s) is z^t s (t d log z + log z dt).
            const V by_modulus = g.re * held.re + g.im * held.im, by_angle = g.im * held.re - g.re * held.im;
            const V by_time = g.re * given[l].data + by_modulus * to.rate.re + by_angle * to.rate.im;
            store<Wide>(grad_data + place(begin + l, j), g.re * way.time, lanes);
            store<Wide>(grad_time + place(begin + l, j), by_time * way.time * (1 - way.time), lanes);
            sum.re += by_modulus * way.time;
            sum.im += by_angle * way.time;
            g = times(State<Wide>{way.decay.re, -way.decay.im}, g);
        }
        to.carried = g;
        for (int i = 0; i < Lanes<Wide>::count; ++i) to.sums[0][i] += sum.re[i], to.sums[1][i] += sum.im[i];
    }
};

// `carried` is the gradient of the last state, and ends as that of the initial one; grad_rates (batch, 2, features).
template <class Wide, class Stored>
void backward(const Stored* time, const Stored* data, const Wide* rates, const bool* starts, const Wide* borders,
              const Stored* grad_y, Stored* grad_time, Stored* grad_data, double* grad_rates, Wide* carried,
              Sizes sizes, Wide bias, int64_t threads) {
    const int64_t f = sizes.features, pieces = (sizes.length + sizes.piece - 1) / sizes.piece;
    for_blocks<Wide>(sizes, threads, [=](Block<Wide> block) {
        const int64_t origin = block.row * sizes.length, at = origin * f, vectors = block.vectors();
        std::vector<Given<Wide>> given(VECTORS * sizes.piece);
        std::vector<Passing<Wide>> ways(sizes.piece);
        std::vector<State<Wide>> faded(sizes.piece);
        Gradient<Wide> gradients[VECTORS];
        for (int64_t j = 0; j < vectors; ++j) {
            gradients[j].rate = block.read(rates, f, j);
            gradients[j].carried = block.read(carried + block.row * 2 * f, f, j);
        }
        for (int64_t number = pieces; number-- > 0;) {
            const int64_t begin = number * sizes.piece, end = std::min(begin + sizes.piece, sizes.length);
            const bool* row_starts = starts ? starts + origin : nullptr;
            const Piece<Wide, Stored> piece = {
                time + at, data + at, grad_y + at, grad_time + at, grad_data + at, row_starts, begin, end, f, block};
            piece.gather(given.data());
            const Wide* border = borders + (block.row * pieces + number) * 2 * f;
            for (int64_t j = 0; j < vectors; ++j)
                piece.backward(j, given.data() + j * (end - begin), gradients[j], block.read(border, f, j), bias,
                               ways.data(), faded.data());
        }
        for (int64_t j = 0; j < vectors; ++j) {
            block.write(carried + block.row * 2 * f, f, j, gradients[j].carried);
            double* to = grad_rates + block.row * 2 * f + block.feature(j);
            for (int part = 0; part < 2; ++part, to += f)
                std::copy(gradients[j].sums[part], gradients[j].sums[part] + block.lanes(j), to);
        }
    });
}

}  // namespace

#define EXPORT(NAME, WIDE, STORED)                                                                                    \
    extern "C" void forward_##NAME(const STORED* time, const STORED* data, const WIDE* rates, const WIDE* initial,    \
                                   const bool* starts, STORED* y, WIDE* borders, WIDE* last, int64_t batch,           \
                                   int64_t length, int64_t features, int64_t piece, double bias, int64_t threads) {   \
        forward<WIDE, STORED>(time, data, rates, initial, starts, y, borders, last,                                   \
                              {batch, length, features, piece}, WIDE(bias), threads);                                 \
    }                                                                                                                 \
    extern "C" void backward_##NAME(const STORED* time, const STORED* data, const WIDE* rates, const bool* starts,    \
                                    const WIDE* borders, const STORED* grad_y, STORED* grad_time, STORED* grad_data,  \
                                    double* grad_rates, WIDE* carried, int64_t batch, int64_t length,                 \
                                    int64_t features, int64_t piece, double bias, int64_t threads) {                  \
        backward<WIDE, STORED>(time, data, rates, starts, borders, grad_y, grad_time, grad_data, grad_rates, carried, \
                               {batch, length, features, piece}, WIDE(bias), threads);                                \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)
