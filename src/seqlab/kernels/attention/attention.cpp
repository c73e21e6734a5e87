// Softmax attention and its gradient, head by head: what lies between the inputs and the result stays in the caches.
//
// A block of queries has all its scores at once, in float or double; what is multiplied next is rounded to bfloat16
// where that is stored and the processor multiplies pairs of it. The gradient computes the scores anew: of the softmax
// only a row's largest score and the logarithm of its sum are kept. Causal, query i sees keys 0 .. i.
#include <algorithm>
#include <cmath>
#include <vector>

#include "exponential.h"
#include "kept.h"
#include "tiles.h"

namespace {

constexpr int64_t BLOCK = 64;  // queries

struct Shape {
    int64_t batches, queries, keys, heads, groups, width, causal;

    int64_t seen(int64_t query) const { return causal ? std::min(keys, query + 1) : keys; }
};

// An array of heads as it lies in memory: the distances from one of a batch, position and head to the next.
template <class Stored>
struct Heads {
    Stored* data;
    int64_t batch, position, head;

    Heads(Stored* data, const int64_t* strides)
        : data(data), batch(strides[0]), position(strides[1]), head(strides[2]) {}
    Stored* of(int64_t b, int64_t h) const { return data ? data + b * batch + h * head : nullptr; }
};

// What one thread needs for a head, and the steps that both passes are made of.
template <class Wide, class Stored>
class Head {
public:
    using V = Vector<Wide>;
    using T = Tile<Wide, Stored>;
    using W = Word<Wide, Stored>;
    using Number = typename T::Number;
    static constexpr int64_t COUNT = T::COUNT, NUMBERS = W::numbers;

    Head(const Shape& shape, const Dropout& dropout)
        : shape(shape), dropout(dropout), features(up(shape.width, T::wide)), keys(up(shape.keys, T::wide)),
          scale(Wide(1 / std::sqrt(double(shape.width)))) {}

    void forward(const Heads<const Stored>& q, const Heads<const Stored>& k, const Heads<const Stored>& v,
                 const Heads<const Stored>& bias, const Heads<Stored>& y, Wide* totals, int64_t b, int64_t h) {
        const int64_t group = h / (shape.heads / shape.groups);
        rest = bias.data ? 1 : scale;
        turn(k.of(b, group), k.position, turned_keys);
        T::panels(v.of(b, group), v.position, shape.keys, shape.width, sized(values, keys * features));
        sized(weights, BLOCK * keys);
        for (first = 0; first < shape.queries; first += BLOCK) {
            begin_block();
            score(q.of(b, h), q.position, turned_keys, scores);
            Wide factors[BLOCK];
            for (int64_t i = 0; i < count; ++i) {
                const int64_t number = (b * shape.heads + h) * shape.queries + first + i;
                add_bias(bias, b, h, i);
                weigh(i, Kept<Wide>(dropout, uint64_t(number)), factors[i], totals + 2 * number);
            }
            weighted(values);
            write(y.of(b, h), y.position, [&](int64_t i) { return factors[i]; });
        }
    }

    void backward(const Heads<const Stored>& q, const Heads<const Stored>& k, const Heads<const Stored>& v,
                  const Heads<const Stored>& bias, const Heads<const Stored>& grad, const Wide* totals,
                  const Heads<Stored>& by_q, const Heads<Stored>& by_k, const Heads<Stored>& by_v, int64_t b,
                  int64_t h) {
        const int64_t group = h / (shape.heads / shape.groups);
        rest = bias.data ? 1 : scale;
        turn(k.of(b, group), k.position, turned_keys);
        turn(v.of(b, group), v.position, turned_values);
        T::panels(k.of(b, group), k.position, shape.keys, shape.width, sized(values, keys * features));
        for (auto* sums : {&sums_k, &sums_v}) sums->assign(features * keys / COUNT, V{});
        sized(weights, BLOCK * keys), sized(kept_panels, BLOCK * keys), sized(grad_panels, BLOCK * keys);
        for (first = 0; first < shape.queries; first += BLOCK) {
            begin_block();
            score(q.of(b, h), q.position, turned_keys, scores);
            score(grad.of(b, h), grad.position, turned_values, grads);
            for (int64_t i = 0; i < count; ++i) add_bias(bias, b, h, i);
            for (int64_t i = 0; i < count; i += NUMBERS) derive(i, (b * shape.heads + h) * shape.queries, totals);
            weighted(values);
            write(by_q.of(b, h), by_q.position, [&](int64_t) { return Wide(1); });
            accumulate(q.of(b, h), q.position, grad_panels, sums_k);
            accumulate(grad.of(b, h), grad.position, kept_panels, sums_v);
        }
        write_turned(sums_k, by_k.of(b, h), by_k.position);
        write_turned(sums_v, by_v.of(b, h), by_v.position);
    }

private:
    using Memory = std::vector<V>;

    const Shape& shape;
    const Dropout& dropout;
    const int64_t features, keys;  // rounded up to whole panels
    const Wide scale;
    Wide rest = 1;  // of the scale, by which scores are still to be multiplied
    int64_t first = 0, count = 0, across = 0;  // the block's queries, and the keys that it sees, in whole panels
    Memory left, turned_keys, turned_values, values, scores, grads, weights, kept_panels, grad_panels, out, sums_k,
        sums_v;

    static Number* numbers(Memory& memory) { return (Number*)memory.data(); }
    static Wide* wides(Memory& memory) { return (Wide*)memory.data(); }
    static Number* sized(Memory& memory, int64_t size) {
        memory.resize(up(size * int64_t(sizeof(Number)), sizeof(V)) / sizeof(V));
        return numbers(memory);
    }

    int64_t words() const { return T::words(shape.width); }
    // Of the queries of the tile that begins at query i of the block.
    int64_t seen_by_tile(int64_t i) const { return shape.seen(first + std::min(i + T::tall, count) - 1); }

    void begin_block() {
        count = std::min(BLOCK, shape.queries - first);
        across = up(shape.seen(first + count - 1), T::wide);
    }

    void turn(const Stored* x, int64_t stride, Memory& to) {
        Number* rows = sized(left, std::max(keys, BLOCK) * features);
        T::rows(x, stride, shape.keys, shape.width, rows, features);
        T::turned(rows, features, shape.keys, words(), sized(to, keys * features));
    }

    // c (BLOCK, keys): x, rows of the block, times a turned factor, as far as a query of each tile sees.
    void score(const Stored* x, int64_t stride, Memory& panels, Memory& c) {
        Number* rows = sized(left, std::max(keys, BLOCK) * features);
        T::rows(x + first * stride, stride, count, shape.width, rows, features);
        c.resize(BLOCK * keys / COUNT);
        for (int64_t key = 0; key < across; key += T::wide)
            for (int64_t i = 0; i < count; i += T::tall)
                if (key < seen_by_tile(i))
                    T::template product<false>(rows + i * features, features,
                                               numbers(panels) + key * words() * NUMBERS, words(),
                                               wides(c) + i * keys + key, keys);
    }

    // out (BLOCK, features): the weights times a factor of keys.
    void weighted(Memory& panels) {
        out.resize(BLOCK * features / COUNT);
        const int64_t words = T::words(shape.keys);
        for (int64_t k = 0; k < shape.width; k += T::wide)
            for (int64_t i = 0; i < count; i += T::tall)
                T::template product<false>(numbers(weights) + i * keys, keys, numbers(panels) + k * words * NUMBERS,
                                           T::words(seen_by_tile(i)), wides(out) + i * features + k, features);
    }

    // sums (features, keys) += the columns of x, rows of the block, times panels of keys.
    void accumulate(const Stored* x, int64_t stride, Memory& panels, Memory& sums) {
        Number* columns = sized(left, std::max(keys, BLOCK) * features);
        T::columns(x + first * stride, stride, count, shape.width, columns, BLOCK);
        const int64_t words = T::words(BLOCK);
        for (int64_t key = 0; key < across; key += T::wide) {
            const int64_t blind = shape.causal ? std::max<int64_t>(0, key - first) / NUMBERS : 0;  // words before it
            for (int64_t k = 0; k < shape.width; k += T::tall)
                T::template product<true>(columns + k * BLOCK + blind * NUMBERS, BLOCK,
                                          T::place(numbers(panels), words, blind, key), T::words(count) - blind,
                                          wides(sums) + k * keys + key, keys);
        }
    }

    // Where something is added to the scores of query i of the block, they are scaled before.
    void add_bias(const Heads<const Stored>& bias, int64_t b, int64_t h, int64_t i) {
        if (!bias.data) return;
        Wide* row = wides(scores) + i * keys;
        const Stored* added = bias.of(b, h) + (first + i) * bias.position;
        for (int64_t k = 0, seen = shape.seen(first + i); k < seen; k += COUNT)
            store<Wide>(row + k, load<Wide>(row + k) * scale + load<Wide>(added + k, int(std::min(COUNT, seen - k))));
    }

    // Of query i: the weights, not yet divided by their sum, which goes into the factor; and for the gradient the largest
    // score and the logarithm of the sum, which beside a score of 1e38 would be lost.
    void weigh(int64_t i, const Kept<Wide>& kept, Wide& factor, Wide* total) {
        const int64_t seen = shape.seen(first + i);
        const Wide *row = wides(scores) + i * keys, lowest = -__builtin_inff();
        Number* to = numbers(weights) + i * keys;
        V top = V{} + lowest;
        for (int64_t k = 0; k < seen; k += COUNT) {
            const V x = where(seen - k, load<Wide>(row + k), lowest);
            top = x > top ? x : top;
        }
        const Wide most = highest<Wide>(top);
        V sums = {};
        for (int64_t k = 0; k < seen; k += COUNT) {
            const V weight = where(seen - k, exponential<Wide>((load<Wide>(row + k) - most) * rest), Wide(0));
            sums += weight;
            store<Wide>(to + k, dropout.least ? weight * kept(k) : weight);
        }
        std::fill(to + up(seen, COUNT), to + across, Number{});
        factor = 1 / summed<Wide>(sums);
        total[0] = most * rest, total[1] = -std::log(factor);
    }

    // Of the queries that make the word at query i: the gradient of their scores, in `weights` and in panels, and what
    // dropout leaves of their weights. `number` is that of the head's first query.
    void derive(int64_t i, int64_t number, const Wide* totals) {
        Wide *score[NUMBERS], *grad[NUMBERS];
        V along[NUMBERS] = {}, x[NUMBERS];
        const int64_t words = T::words(BLOCK), word = i / NUMBERS;
        const int64_t least = number + first + i, most = std::min(i + NUMBERS, count) - 1;
        const Kept<Wide> kept[2] = {{dropout, uint64_t(least)}, {dropout, uint64_t(least + 1)}};
        int64_t seen[NUMBERS];
        for (int n = 0; n < NUMBERS; ++n) {
            score[n] = wides(scores) + (i + n) * keys, grad[n] = wides(grads) + (i + n) * keys;
            seen[n] = i + n < count ? shape.seen(first + i + n) : 0;
        }
        const int64_t furthest = shape.seen(first + most);
        for (int64_t k = 0; k < furthest; k += COUNT) {
            for (int n = 0; n < NUMBERS; ++n) {
                const Wide* total = totals + 2 * (least + (i + n < count ? n : 0));
                const V weight =
                    where(seen[n] - k, exponential<Wide>(load<Wide>(score[n] + k) * rest - total[0] - total[1]), Wide(0));
                const V remains = dropout.least ? kept[n](k) : V{} + Wide(1);
                const V remaining = where(seen[n] - k, load<Wide>(grad[n] + k) * remains, Wide(0));
                store<Wide>(score[n] + k, weight), store<Wide>(grad[n] + k, remaining);
                along[n] += weight * remaining;
                x[n] = weight * remains;
            }
            T::put(W::joined(x), T::place(numbers(kept_panels), words, word, k));
        }
        Wide totals_along[NUMBERS];
        for (int n = 0; n < NUMBERS; ++n) totals_along[n] = summed<Wide>(along[n]);
        for (int64_t k = 0; k < across; k += COUNT) {
            const bool blind = k >= furthest;
            for (int n = 0; n < NUMBERS; ++n) {
                x[n] = blind ? V{} : load<Wide>(score[n] + k) * (load<Wide>(grad[n] + k) - totals_along[n]) * scale;
                store<Wide>(numbers(weights) + (i + n) * keys + k, x[n]);
            }
            T::put(W::joined(x), T::place(numbers(grad_panels), words, word, k));
            if (blind) T::put(typename W::Words{}, T::place(numbers(kept_panels), words, word, k));
        }
    }

    template <class Factor>
    void write(Stored* to, int64_t stride, Factor factor) {
        for (int64_t i = 0; i < count; ++i)
            for (int64_t k = 0; k < shape.width; k += COUNT)
                store<Wide>(to + (first + i) * stride + k, load<Wide>(wides(out) + i * features + k) * factor(i),
                            int(std::min(COUNT, shape.width - k)));
    }

    // sums (features, keys), feature by feature.
    void write_turned(Memory& sums, Stored* to, int64_t stride) {
        for (int64_t key = 0; key < shape.keys; key += COUNT)
            for (int64_t k = 0; k < shape.width; k += COUNT) {
                V square[COUNT];
                for (int64_t i = 0; i < COUNT; ++i) square[i] = load<Wide>(wides(sums) + (k + i) * keys + key);
                transpose(square);
                for (int64_t j = 0; j < std::min(COUNT, shape.keys - key); ++j)
                    store<Wide>(to + (key + j) * stride + k, square[j], int(std::min(COUNT, shape.width - k)));
            }
    }
};

// Call work(head's room, batch, head) for every head of a batch.
template <class Wide, class Stored, class Work>
void for_heads(const Shape& shape, const Dropout& dropout, int64_t threads, Work work) {
#pragma omp parallel num_threads(threads)
    {
        Head<Wide, Stored> head(shape, dropout);
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < shape.batches * shape.heads; ++i) work(head, i / shape.heads, i % shape.heads);
    }
}

inline Shape shape_of(const int64_t* sizes) {
    return {sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[6]};
}

}  // namespace

// sizes: those of the shape, then three strides of each array of heads, in order.
#define EXPORT(NAME, WIDE, STORED)                                                                                    \
    extern "C" void forward_##NAME(const STORED* q, const STORED* k, const STORED* v, const STORED* bias, STORED* y,  \
                                   WIDE* totals, const int64_t* sizes, int64_t seed, int64_t least, double factor,    \
                                   int64_t threads) {                                                                 \
        const Shape shape = shape_of(sizes);                                                                          \
        const Dropout dropout = {uint64_t(seed), uint32_t(least), factor};                                            \
        const int64_t* strides = sizes + 7;                                                                           \
        const Heads<const STORED> qs(q, strides), ks(k, strides + 3), vs(v, strides + 6), added(bias, strides + 9);   \
        const Heads<STORED> ys(y, strides + 12);                                                                      \
        for_heads<WIDE, STORED>(shape, dropout, threads, [&](auto& head, int64_t b, int64_t h) {                      \
            head.forward(qs, ks, vs, added, ys, totals, b, h);                                                        \
        });                                                                                                           \
    }                                                                                                                 \
    extern "C" void backward_##NAME(const STORED* q, const STORED* k, const STORED* v, const STORED* bias,            \
                                    const STORED* grad, const WIDE* totals, STORED* by_q, STORED* by_k, STORED* by_v, \
                                    const int64_t* sizes, int64_t seed, int64_t least, double factor,                 \
                                    int64_t threads) {                                                                \
        const Shape shape = shape_of(sizes);                                                                          \
        const Dropout dropout = {uint64_t(seed), uint32_t(least), factor};                                            \
        const int64_t* strides = sizes + 7;                                                                           \
        const Heads<const STORED> qs(q, strides), ks(k, strides + 3), vs(v, strides + 6), added(bias, strides + 9),   \
            grads(grad, strides + 12);                                                                                \
        const Heads<STORED> qg(by_q, strides + 15), kg(by_k, strides + 18), vg(by_v, strides + 21);                   \
        for_heads<WIDE, STORED>(shape, dropout, threads, [&](auto& head, int64_t b, int64_t h) {                      \
            head.backward(qs, ks, vs, added, grads, totals, qg, kg, vg, b, h);                                        \
        });                                                                                                           \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)
