// The short convolution and its gradient, over pieces of `piece` positions of one row of the batch.
//
// x, y (batch, length, channels); weight (taps, channels), the last tap at lag 0; bias (channels).
#include <algorithm>
#include <vector>

#include "lanes.h"

namespace {

struct Sizes {
    int64_t batch, length, channels, taps, piece;

    int64_t pieces() const { return (length + piece - 1) / piece; }
};

// Call work(number of the piece, offset of its row, first position, end, first channel, lanes) for every piece and
// block of channels, the pieces shared out among `threads`.
template <class Wide, class Work>
void for_pieces(const Sizes& sizes, int64_t threads, Work work) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t number = 0; number < sizes.batch * sizes.pieces(); ++number) {
        int64_t row = number / sizes.pieces() * sizes.length * sizes.channels;
        int64_t begin = number % sizes.pieces() * sizes.piece, end = std::min(begin + sizes.piece, sizes.length);
        for (int64_t first = 0; first < sizes.channels; first += Lanes<Wide>::count)
            work(number, row + first, begin, end, first, int(std::min<int64_t>(sizes.channels - first, Lanes<Wide>::count)));
    }
}

// `count` positions from `begin` on, zeros where there is none.
template <class Wide, class Stored>
void read(const Sizes& sizes, const Stored* from, int64_t begin, std::vector<Vector<Wide>>& to, int lanes) {
    for (int64_t i = 0; i < int64_t(to.size()); ++i) {
        int64_t n = begin + i;
        to[i] = n >= 0 && n < sizes.length ? load<Wide>(from + n * sizes.channels, lanes) : Vector<Wide>{};
    }
}

template <class Wide, class Stored>
void forward(const Sizes& sizes, const Stored* x, const Wide* weight, const Wide* bias, Stored* y, int64_t threads) {
    using V = Vector<Wide>;
    for_pieces<Wide>(sizes, threads, [&](int64_t, int64_t row, int64_t begin, int64_t end, int64_t first, int lanes) {
        std::vector<V> own(sizes.taps), in(end - begin + sizes.taps - 1);
        V offset = load<Wide>(bias + first, lanes);
        for (int64_t j = 0; j < sizes.taps; ++j) own[j] = load<Wide>(weight + j * sizes.channels + first, lanes);
        read<Wide>(sizes, x + row, begin - sizes.taps + 1, in, lanes);
        for (int64_t n = begin; n < end; ++n) {
            V sum = offset;
            for (int64_t j = 0; j < sizes.taps; ++j) sum += own[j] * in[n - begin + j];
            store<Wide>(y + row + n * sizes.channels, sum, lanes);
        }
    });
}

template <class Wide, class Stored>
void backward(const Sizes& sizes, const Stored* x, const Wide* weight, const Stored* grad, Stored* grad_x, Wide* sums,
              int64_t threads) {
    using V = Vector<Wide>;
    const int64_t taps = sizes.taps;
    for_pieces<Wide>(sizes, threads, [&](int64_t number, int64_t row, int64_t begin, int64_t end, int64_t first, int lanes) {
        std::vector<V> own(taps), in(end - begin + taps - 1), after(end - begin + taps - 1);
        for (int64_t j = 0; j < taps; ++j) own[j] = load<Wide>(weight + j * sizes.channels + first, lanes);
        read<Wide>(sizes, x + row, begin - taps + 1, in, lanes);
        read<Wide>(sizes, grad + row, begin, after, lanes);
        for (int64_t n = begin; n < end; ++n) {
            V sum = {};
            for (int64_t j = 0; j < taps; ++j) sum += own[taps - 1 - j] * after[n - begin + j];
            store<Wide>(grad_x + row + n * sizes.channels, sum, lanes);
        }
        Wide* to = sums + number * (taps + 1) * sizes.channels + first;
        for (int64_t j = 0; j <= taps; ++j) {
            V sum = {};
            for (int64_t i = 0; i < end - begin; ++i) sum += j < taps ? after[i] * in[i + j] : after[i];
            store<Wide>(to + j * sizes.channels, sum, lanes);
        }
    });
}

}  // namespace

#define EXPORT(NAME, WIDE, STORED)                                                                                    \
    extern "C" void forward_##NAME(const STORED* x, const WIDE* weight, const WIDE* bias, STORED* y, int64_t batch,   \
                                   int64_t length, int64_t channels, int64_t taps, int64_t piece, int64_t threads) {  \
        forward<WIDE, STORED>(Sizes{batch, length, channels, taps, piece}, x, weight, bias, y, threads);              \
    }                                                                                                                 \
    extern "C" void backward_##NAME(const STORED* x, const WIDE* weight, const STORED* grad, STORED* grad_x,          \
                                    WIDE* sums, int64_t batch, int64_t length, int64_t channels, int64_t taps,        \
                                    int64_t piece, int64_t threads) {                                                 \
        backward<WIDE, STORED>(Sizes{batch, length, channels, taps, piece}, x, weight, grad, grad_x, sums, threads);  \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)
