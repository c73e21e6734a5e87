// The softmax of attention and its gradient, with the causal pattern and dropout: scores (batches, queries, keys).
//
// Query i of a batch is number `first` + i of `all` queries: causal, it sees keys 0 .. first + i.
#include <algorithm>
#include <vector>

#include "exponential.h"
#include "kept.h"

namespace {

struct Sizes {
    int64_t batches, queries, keys, first, all;
    bool causal;

    int64_t seen(int64_t query) const { return causal ? std::min(keys, first + query + 1) : keys; }
};

// Call work(place of the row, keys that it sees, its number among all rows, room for a row) for every row.
template <class Wide, class Work>
void for_rows(const Sizes& sizes, int64_t threads, Work work) {
#pragma omp parallel num_threads(threads)
    {
        std::vector<Vector<Wide>> room(sizes.keys / Lanes<Wide>::count + 1);
#pragma omp for schedule(dynamic, 16)
        for (int64_t row = 0; row < sizes.batches * sizes.queries; ++row) {
            const int64_t batch = row / sizes.queries, query = row % sizes.queries;
            work(row * sizes.keys, sizes.seen(query), batch * sizes.all + sizes.first + query, room.data());
        }
    }
}

// Call work(key, lanes, number of the vector) for every vector of the keys that are seen.
template <class Wide, class Work>
inline void for_keys(int64_t seen, Work work) {
    constexpr int64_t COUNT = Lanes<Wide>::count;
    for (int64_t k = 0, i = 0; k < seen; k += COUNT, ++i) work(k, int(std::min(COUNT, seen - k)), i);
}

template <class Wide>
inline Wide sum(Vector<Wide> x) {
    Wide total = 0;
    for (int i = 0; i < Lanes<Wide>::count; ++i) total += x[i];
    return total;
}

template <class Wide, class Stored>
inline void zeros(Stored* row, int64_t seen, int64_t keys) {
    std::fill(row + seen, row + keys, Stored{});
}

// Scores become weights; `dropped`, null without dropout, is what remains of them.
template <class Wide, class Stored>
void forward(Stored* scores, Stored* dropped, const Sizes& sizes, const Dropout& dropout, int64_t threads) {
    using V = Vector<Wide>;
    for_rows<Wide>(sizes, threads, [=](int64_t place, int64_t seen, int64_t number, V* room) {
        Stored* row = scores + place;
        const Wide lowest = -__builtin_inff();
        V highest = V{} + lowest;
        for_keys<Wide>(seen, [&](int64_t k, int lanes, int64_t i) {
            room[i] = load<Wide>(row + k, lanes);
            for (int j = lanes; j < Lanes<Wide>::count; ++j) room[i][j] = lowest;
            highest = room[i] > highest ? room[i] : highest;
        });
        Wide most = lowest;
        for (int j = 0; j < Lanes<Wide>::count; ++j) most = std::max(most, highest[j]);
        V total = {};
        for_keys<Wide>(seen, [&](int64_t, int, int64_t i) { total += room[i] = exponential<Wide>(room[i] - most); });
        const Wide factor = 1 / sum<Wide>(total);
        const Kept<Wide> kept(dropout, uint64_t(number));
        for_keys<Wide>(seen, [&](int64_t k, int lanes, int64_t i) {
            store<Wide>(row + k, room[i] * factor, lanes);
            if (dropped) store<Wide>(dropped + place + k, room[i] * factor * kept(k), lanes);
        });
        zeros<Wide>(row, seen, sizes.keys);
        if (dropped) zeros<Wide>(dropped + place, seen, sizes.keys);
    });
}

// grad, of what remains of the weights, becomes that of the scores; `dropped` is written again.
template <class Wide, class Stored>
void backward(const Stored* weights, Stored* grads, Stored* dropped, const Sizes& sizes, const Dropout& dropout,
              int64_t threads) {
    using V = Vector<Wide>;
    for_rows<Wide>(sizes, threads, [=](int64_t place, int64_t seen, int64_t number, V* room) {
        const Stored* row = weights + place;
        Stored* grad = grads + place;
        const Kept<Wide> kept(dropout, uint64_t(number));
        V along = {};
        for_keys<Wide>(seen, [&](int64_t k, int lanes, int64_t i) {
            const V weight = load<Wide>(row + k, lanes);
            room[i] = load<Wide>(grad + k, lanes);
            if (dropped) {
                const V remains = kept(k);
                room[i] *= remains;
                store<Wide>(dropped + place + k, weight * remains, lanes);
            }
            along += weight * room[i];
        });
        const Wide total = sum<Wide>(along);
        for_keys<Wide>(seen, [&](int64_t k, int lanes, int64_t i) {
            store<Wide>(grad + k, load<Wide>(row + k, lanes) * (room[i] - total), lanes);
        });
        zeros<Wide>(grad, seen, sizes.keys);
        if (dropped) zeros<Wide>(dropped + place, seen, sizes.keys);
    });
}

}  // namespace

#define EXPORT(NAME, WIDE, STORED)                                                                                    \
    extern "C" void forward_##NAME(STORED* scores, STORED* dropped, int64_t batches, int64_t queries, int64_t keys,   \
                                   int64_t first, int64_t all, int64_t causal, int64_t seed, int64_t least,           \
                                   double factor, int64_t threads) {                                                  \
        forward<WIDE, STORED>(scores, dropped, {batches, queries, keys, first, all, causal != 0},                     \
                              {uint64_t(seed), uint32_t(least), factor}, threads);                                    \
    }                                                                                                                 \
    extern "C" void backward_##NAME(const STORED* weights, STORED* grads, STORED* dropped, int64_t batches,           \
                                    int64_t queries, int64_t keys, int64_t first, int64_t all, int64_t causal,        \
                                    int64_t seed, int64_t least, double factor, int64_t threads) {                    \
        backward<WIDE, STORED>(weights, grads, dropped, {batches, queries, keys, first, all, causal != 0},            \
                               {uint64_t(seed), uint32_t(least), factor}, threads);                                   \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)
