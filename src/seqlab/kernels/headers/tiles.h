// Products of small matrices that lie in a core's caches, for what a large product has no name for: c = a b, summed over
// the depth of both.
//
// A word is what the processor multiplies at a time: a number, or two neighbours along the depth where there are
// instructions for pairs of bfloat16 (AVX-512 BF16), whose products go into one float. Left factors lie in rows; right
// ones in panels of `Tile::wide` columns, the words of one depth beside each other.
#pragma once

#include <algorithm>

#include "lanes.h"

template <class Wide, class Stored>
struct Word {
    using Number = Wide;
    using Words = Vector<Wide>;
    static constexpr int64_t numbers = 1;

    static Words joined(const Vector<Wide>* x) { return *x; }
    static Words everywhere(const Number* word) { return Words{} + *word; }
    static Vector<Wide> add(Vector<Wide> sum, Words a, Words b) { return sum + a * b; }
};

#if defined(__AVX512BF16__)
template <>
struct Word<float, bfloat16> {
    using Number = bfloat16;
    using Words = WideBits;
    static constexpr int64_t numbers = 2;

    // Numbers of one depth and of the next.
    static Words joined(const Vector<float>* x) {
        return __builtin_convertvector(narrowed(x[0]), WideBits) | __builtin_convertvector(narrowed(x[1]), WideBits) << 16;
    }
    static Words everywhere(const Number* word) {
        uint32_t bits;
        std::memcpy(&bits, word, sizeof bits);
        return Words{} + bits;
    }
    static Vector<float> add(Vector<float> sum, Words a, Words b) {
        return (Vector<float>)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
    }
};
#endif

inline int64_t up(int64_t size, int64_t to) { return (size + to - 1) / to * to; }

template <class Wide, class Stored>
struct Tile {
    using W = Word<Wide, Stored>;
    using Number = typename W::Number;
    static constexpr int64_t COUNT = Lanes<Wide>::count, wide = 2 * COUNT, tall = VECTOR_BYTES == 64 ? 8 : 4;

    static int64_t words(int64_t depth) { return (depth + W::numbers - 1) / W::numbers; }

    // c (tall, wide) = a b, or is increased by it, over so many words of the rows of a and of a panel.
    template <bool adds>
    static void product(const Number* a, int64_t a_row, const Number* b, int64_t words, Wide* c, int64_t c_row) {
        Vector<Wide> sums[tall][2];
#pragma GCC unroll 8
        for (int i = 0; i < tall; ++i)
            for (int j = 0; j < 2; ++j) sums[i][j] = adds ? load<Wide>(c + i * c_row + j * COUNT) : Vector<Wide>{};
        for (int64_t word = 0; word < words; ++word, a += W::numbers, b += wide * W::numbers) {
            typename W::Words left, right;
            std::memcpy(&left, b, sizeof left);
            std::memcpy(&right, b + COUNT * W::numbers, sizeof right);
#pragma GCC unroll 8
            for (int i = 0; i < tall; ++i) {
                const auto factor = W::everywhere(a + i * a_row);
                sums[i][0] = W::add(sums[i][0], factor, left);
                sums[i][1] = W::add(sums[i][1], factor, right);
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < tall; ++i)
            for (int j = 0; j < 2; ++j) store<Wide>(c + i * c_row + j * COUNT, sums[i][j]);
    }

    static constexpr int64_t AHEAD = 16;
    static void fetch(const Stored* row, int64_t width) {
        for (int64_t k = 0; k < width; k += 64 / sizeof(Stored)) __builtin_prefetch(row + k);
    }

    // A left factor: the rows of x, of `width` numbers each; `row` is a multiple of COUNT, and what is behind them zero.
    static void rows(const Stored* x, int64_t stride, int64_t count, int64_t width, Number* to, int64_t row) {
        for (int64_t i = 0; i < count; ++i, fetch(x + (i + AHEAD) * stride, width))
            for (int64_t k = 0; k < width; k += COUNT)
                store<Wide>(to + i * row + k, load<Wide>(x + i * stride + k, int(std::min(COUNT, width - k))));
    }

    // Call work(word, column, words of COUNT columns from there on) for the columns of x, along its rows.
    template <class Work>
    static void down(const Stored* x, int64_t stride, int64_t count, int64_t width, Work work) {
        for (int64_t i = 0, word = 0; i < count; i += W::numbers, ++word) {
            for (int64_t n = 0; n < W::numbers; ++n) fetch(x + (i + n + AHEAD) * stride, width);
            for (int64_t k = 0; k < width; k += COUNT) {
                Vector<Wide> both[W::numbers] = {};
                for (int64_t n = 0; n < std::min(W::numbers, count - i); ++n)
                    both[n] = load<Wide>(x + (i + n) * stride + k, int(std::min(COUNT, width - k)));
                work(word, k, W::joined(both));
            }
        }
    }

    // Where the words of COUNT columns, from `column` on, lie in panels of so many words.
    static Number* place(Number* panels, int64_t words, int64_t word, int64_t column) {
        return panels + ((column / wide * words + word) * wide + column % wide) * W::numbers;
    }

    // A left factor: the columns of x, whose depth are its rows.
    static void columns(const Stored* x, int64_t stride, int64_t count, int64_t width, Number* to, int64_t row) {
        down(x, stride, count, width, [=](int64_t word, int64_t column, typename W::Words words) {
            constexpr size_t SIZE = W::numbers * sizeof(Number);
            for (int64_t i = 0; i < COUNT; ++i)
                std::memcpy(to + (column + i) * row + word * W::numbers, (const char*)&words + i * SIZE, SIZE);
        });
    }

    // A right factor: x itself, whose depth are its rows.
    static void panels(const Stored* x, int64_t stride, int64_t count, int64_t width, Number* to) {
        down(x, stride, count, width, [=](int64_t word, int64_t column, typename W::Words words) {
            std::memcpy(place(to, Tile::words(count), word, column), &words, sizeof words);
        });
    }

    // A right factor: x transposed, given as a left one, whose rows become columns.
    static void turned(const Number* x, int64_t row, int64_t count, int64_t words, Number* to) {
        constexpr size_t SIZE = W::numbers * sizeof(Number);
        for (int64_t i = 0; i < count; ++i)
            for (int64_t word = 0; word < words; ++word)
                std::memcpy(place(to, words, word, i), x + i * row + word * W::numbers, SIZE);
    }
};
