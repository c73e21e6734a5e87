// Products of small matrices that lie in a core's caches, c = a b, summed over the depth of both.
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
        const WideBits bits = __builtin_convertvector(narrowed(x[0]), WideBits);
        return bits | __builtin_convertvector(narrowed(x[1]), WideBits) << 16;
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

// The rows of a square become its columns: 1, 2, 4 .. lanes change places with those of the row as far below.
template <class V>
inline void transpose(V* x) {
#if defined(__clang__)
    V turned[sizeof(V) / sizeof(x[0][0])];
    for (size_t i = 0; i < sizeof turned / sizeof(V); ++i)
        for (size_t j = 0; j < sizeof turned / sizeof(V); ++j) turned[j][i] = x[i][j];
    std::memcpy(x, turned, sizeof turned);
#else
    constexpr int COUNT = sizeof(V) / sizeof(x[0][0]);
    typedef std::conditional_t<sizeof(x[0][0]) == 8, int64_t, int32_t> Place __attribute__((vector_size(sizeof(V))));
#pragma GCC unroll 4
    for (int half = 1; half < COUNT; half *= 2) {
        Place upper, lower;
        for (int j = 0; j < COUNT; ++j) {
            upper[j] = j & half ? COUNT + j - half : j;
            lower[j] = j & half ? COUNT + j : j + half;
        }
#pragma GCC unroll 16
        for (int i = 0; i < COUNT; ++i)
            if (!(i & half)) {
                const V a = x[i], b = x[i + half];
                x[i] = __builtin_shuffle(a, b, upper), x[i + half] = __builtin_shuffle(a, b, lower);
            }
    }
#endif
}

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

    // A left factor: the rows of x; `row` is a multiple of COUNT, and zeros fill the last vector of each.
    static void rows(const Stored* x, int64_t stride, int64_t count, int64_t width, Number* to, int64_t row) {
        for (int64_t i = 0; i < count; ++i)
            for (int64_t k = 0; k < width; k += COUNT)
                store<Wide>(to + i * row + k, fetched(x + i * stride + k, stride, width - k));
    }

    // A left factor: the columns of x, whose depth are its rows; `row` is a multiple of COUNT words.
    static void columns(const Stored* x, int64_t stride, int64_t count, int64_t width, Number* to, int64_t row) {
        for (int64_t first = 0; first < words(count); first += COUNT)
            for (int64_t k = 0; k < width; k += COUNT) {
                typename W::Words square[COUNT];
                for (int64_t i = 0; i < COUNT; ++i) square[i] = down(x + k, stride, count, width - k, first + i);
                transpose(square);
                for (int64_t i = 0; i < COUNT; ++i)
                    std::memcpy(to + (k + i) * row + first * W::numbers, &square[i], sizeof square[i]);
            }
    }

    // A right factor: x itself, whose depth are its rows.
    static void panels(const Stored* x, int64_t stride, int64_t count, int64_t width, Number* to) {
        for (int64_t word = 0; word < words(count); ++word)
            for (int64_t k = 0; k < width; k += COUNT)
                put(down(x + k, stride, count, width - k, word), place(to, words(count), word, k));
    }

    // A right factor: x transposed, given as a left one, whose rows become columns; `row` is a multiple of COUNT words.
    static void turned(const Number* x, int64_t row, int64_t count, int64_t words, Number* to) {
        for (int64_t i = 0; i < count; i += COUNT)
            for (int64_t first = 0; first < words; first += COUNT) {
                typename W::Words square[COUNT];
                for (int64_t j = 0; j < COUNT; ++j)
                    std::memcpy(&square[j], x + (i + j) * row + first * W::numbers, sizeof square[j]);
                transpose(square);
                for (int64_t word = first; word < std::min(first + COUNT, words); ++word)
                    put(square[word - first], place(to, words, word, i));
            }
    }

    // Where the words of COUNT columns, from `column` on, lie in panels of so many words.
    static Number* place(Number* panels, int64_t words, int64_t word, int64_t column) {
        return panels + ((column / wide * words + word) * wide + column % wide) * W::numbers;
    }
    static void put(typename W::Words words, Number* to) { std::memcpy(to, &words, sizeof words); }

private:
    // A vector of a row, of which so many numbers are left; a later row's is called into the cache.
    static Vector<Wide> fetched(const Stored* x, int64_t stride, int64_t left) {
        constexpr int64_t AHEAD = 16;
        __builtin_prefetch(x + AHEAD * stride);
        return load<Wide>(x, int(std::min(COUNT, left)));
    }

    // The words that lie so deep in the columns of x, which has `count` rows.
    static typename W::Words down(const Stored* x, int64_t stride, int64_t count, int64_t left, int64_t word) {
        Vector<Wide> rows[W::numbers] = {};
        for (int64_t n = 0, i = word * W::numbers; n < W::numbers && i < count; ++n, ++i)
            rows[n] = fetched(x + i * stride, stride, left);
        return W::joined(rows);
    }
};
