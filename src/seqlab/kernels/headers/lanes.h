// Channels side by side: one vector holds one position of `LANES` neighbouring channels of an array (..., L, D).
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64;
#elif defined(__AVX__)
constexpr int VECTOR_BYTES = 32;
#else
constexpr int VECTOR_BYTES = 16;
#endif

struct bfloat16 {
    uint16_t bits;
};

template <class Wide>
struct Lanes {
    typedef Wide Vector __attribute__((vector_size(VECTOR_BYTES)));
    static constexpr int count = VECTOR_BYTES / sizeof(Wide);
};
template <class Wide>
using Vector = typename Lanes<Wide>::Vector;

typedef uint32_t WideBits __attribute__((vector_size(VECTOR_BYTES)));
typedef uint16_t NarrowBits __attribute__((vector_size(VECTOR_BYTES / 2)));

// A whole vector from memory; bfloat16 is widened to float.
template <class Wide, class Stored>
inline Vector<Wide> load(const Stored* from) {
    if constexpr (std::is_same_v<Stored, bfloat16>) {
        NarrowBits bits;
        std::memcpy(&bits, from, sizeof bits);
        return (Vector<Wide>)(__builtin_convertvector(bits, WideBits) << 16);
    } else {
        Vector<Wide> x;
        std::memcpy(&x, from, sizeof x);
        return x;
    }
}

inline float widened(float x) { return x; }
inline float widened(bfloat16 x) {
    const uint32_t bits = uint32_t(x.bits) << 16;
    float wide;
    std::memcpy(&wide, &bits, sizeof wide);
    return wide;
}

// The nearest bfloat16, ties to even; NaN stays NaN. The processor's own instruction takes what is below the least
// normal number, 1.2e-38, for zero; a source that must round as torch does defines ROUNDS_AS_TORCH before.
inline NarrowBits narrowed(Vector<float> x) {
#if defined(__AVX512BF16__) && !defined(ROUNDS_AS_TORCH)
    return (NarrowBits)_mm512_cvtneps_pbh((__m512)x);
#else
    const WideBits bits = (WideBits)x, rounded = bits + 0x7fff + ((bits >> 16) & 1);
    return __builtin_convertvector((x == x ? rounded : (bits | 0x400000)) >> 16, NarrowBits);
#endif
}

// A whole vector to memory; float is rounded to bfloat16.
template <class Wide, class Stored>
inline void store(Stored* to, Vector<Wide> x) {
    if constexpr (std::is_same_v<Stored, bfloat16>) {
        const NarrowBits narrow = narrowed(x);
        std::memcpy(to, &narrow, sizeof narrow);
    } else {
        std::memcpy(to, &x, sizeof x);
    }
}

// The first `lanes` entries; the others are zero, or stay as they are in memory.
template <class Wide, class Stored>
inline Vector<Wide> load(const Stored* from, int lanes) {
    if (__builtin_expect(lanes == Lanes<Wide>::count, 1)) return load<Wide>(from);
    Stored whole[Lanes<Wide>::count] = {};
    std::memcpy(whole, from, lanes * sizeof(Stored));
    return load<Wide>(whole);
}

template <class Wide, class Stored>
inline void store(Stored* to, Vector<Wide> x, int lanes) {
    if (__builtin_expect(lanes == Lanes<Wide>::count, 1)) return store<Wide>(to, x);
    Stored whole[Lanes<Wide>::count];
    store<Wide>(whole, x);
    std::memcpy(to, whole, lanes * sizeof(Stored));
}

// x in the first `count` lanes, elsewhere `other`.
template <class Wide>
inline Vector<Wide> where(int64_t count, Vector<Wide> x, Wide other) {
    if (__builtin_expect(count >= Lanes<Wide>::count, 1)) return x;
    Vector<Wide> order;
    for (int i = 0; i < Lanes<Wide>::count; ++i) order[i] = Wide(i);
    return order < Wide(count) ? x : Vector<Wide>{} + other;
}

// The sum of all entries, in pairs where the processor has an order for it.
template <class Wide>
inline Wide summed(Vector<Wide> x) {
#if defined(__AVX512F__)
    if constexpr (std::is_same_v<Wide, float>)
        return _mm512_reduce_add_ps((__m512)x);
    else
        return _mm512_reduce_add_pd((__m512d)x);
#else
    Wide sum = 0;
    for (int i = 0; i < Lanes<Wide>::count; ++i) sum += x[i];
    return sum;
#endif
}

template <class Wide>
inline Wide highest(Vector<Wide> x) {
#if defined(__AVX512F__)
    if constexpr (std::is_same_v<Wide, float>)
        return _mm512_reduce_max_ps((__m512)x);
    else
        return _mm512_reduce_max_pd((__m512d)x);
#else
    Wide most = x[0];
    for (int i = 1; i < Lanes<Wide>::count; ++i) most = x[i] > most ? x[i] : most;
    return most;
#endif
}

// Call block(first channel, lanes) for every block of channels, the blocks shared out among `threads`.
template <class Wide, class Block>
void for_channels(int64_t channels, int64_t threads, Block block) {
    constexpr int whole = Lanes<Wide>::count;
    int64_t blocks = (channels + whole - 1) / whole;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < blocks; ++i) {
        int64_t first = i * whole;
        block(first, int(channels - first < whole ? channels - first : whole));
    }
}
