// A matrix of any of four kinds of entries times a few vectors: every weight is read once, for all of the vectors.
//
// x (columns, inner), bias (rows) or null, and y (columns, rows) in one dtype; the matrix is (rows, inner).
// Sums run in float, in an order that depends on the matrix alone: a vector's result is the same in any company.
//
// Rows that are multiplied side by side lie far apart, and each place is followed from row to row: a few long streams
// are what a processor fetches ahead of their use. Neighbouring rows, each a short stream, come at half of the speed.
#include <algorithm>
#include <cstdint>
#include <vector>

#if defined(__AVX__)
#include <immintrin.h>
#endif

#include "lanes.h"

namespace {

constexpr int COUNT = Lanes<float>::count;
constexpr int64_t GROUP = 32;              // entries of a row that share a scale, in four bits
constexpr int64_t LEAST = 1 << 14;         // weights below which a second thread would cost more than it saves
constexpr int64_t STREAM_BYTES = 1 << 15;  // below which a stream ends before it is fetched ahead
#if defined(__AVX512F__)
constexpr int TOGETHER = 4;  // vectors whose sums, over four rows, fit the registers
#else
constexpr int TOGETHER = 3;
#endif
using V = Vector<float>;
typedef int32_t Whole __attribute__((vector_size(VECTOR_BYTES)));

int64_t padded(int64_t inner) { return (inner + GROUP - 1) / GROUP * GROUP; }

// As many signed bytes as a vector has floats, as whole numbers. Compilers turn this into a dozen instructions where
// they are not told the one.
Whole whole(const int8_t* from) {
#if defined(__AVX512F__)
    return (Whole)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)from));
#elif defined(__AVX2__)
    return (Whole)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)from));
#else
    Whole entries;
    for (int i = 0; i < COUNT; ++i) entries[i] = from[i];
    return entries;
#endif
}

// A whole vector of entries as floats.
V entries(const float* from) { return load<float>(from); }
V entries(const bfloat16* from) {
#if defined(__AVX512F__)
    return (V)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)from)), 16);
#elif defined(__AVX2__)
    return (V)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)from)), 16);
#else
    return load<float>(from);
#endif
}
V entries(const int8_t* from) { return __builtin_convertvector(whole(from), V); }

// x y + sum, rounded once where there is an instruction for it. A compiler fuses some sums and leaves others as they are
// (chains of them are slow on some processors), and then a result depends on how many vectors there are.
V fused(V x, V y, V sum) {
#if defined(__AVX512F__)
    return (V)_mm512_fmadd_ps((__m512)x, (__m512)y, (__m512)sum);
#elif defined(__AVX__) && defined(__FMA__)
    return (V)_mm256_fmadd_ps((__m256)x, (__m256)y, (__m256)sum);
#elif defined(__ARM_FEATURE_FMA)
    for (int i = 0; i < COUNT; ++i) sum[i] = __builtin_fmaf(x[i], y[i], sum[i]);
    return sum;
#else
    return x * y + sum;
#endif
}

float total(V x) {
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)x);
#elif defined(__AVX2__)
    const __m256 pairs = _mm256_hadd_ps((__m256)x, (__m256)x), fours = _mm256_hadd_ps(pairs, pairs);
    return _mm_cvtss_f32(_mm_add_ss(_mm256_castps256_ps128(fours), _mm256_extractf128_ps(fours, 1)));
#else
    for (int width = COUNT / 2; width > 0; width /= 2)
        for (int i = 0; i < width; ++i) x[i] += x[i + width];
    return x[0];
#endif
}

// Rows of `inner` floats, bfloat16s or signed bytes, with a scale for each row or null.
template <class Entry>
struct Plain {
    using Row = const Entry*;
    const Entry* stored;
    const float* scales;
    int64_t inner;

    Row row(int64_t i) const { return stored + i * inner; }
    float scale(int64_t i) const { return scales ? scales[i] : 1; }
    int64_t row_bytes() const { return inner * sizeof(Entry); }

    // sums_rc += row r times vector c. AHEAD: and the row behind each is fetched.
    template <bool AHEAD, int R, int C>
    void add(const Row (&rows)[R], const float* x, int64_t stride, V (&sums)[R][C]) const {
        int64_t k = 0;
        for (; k + COUNT <= inner; k += COUNT)
            for (int r = 0; r < R; ++r) {
                if (AHEAD) __builtin_prefetch(rows[r] + inner + k);
                const V weight = entries(rows[r] + k);
                for (int c = 0; c < C; ++c) sums[r][c] = fused(weight, load<float>(x + c * stride + k), sums[r][c]);
            }
        if (k == inner) return;
        for (int r = 0; r < R; ++r) {
            Entry some[COUNT] = {};
            std::memcpy(some, rows[r] + k, (inner - k) * sizeof(Entry));
            const V weight = entries(some);
            for (int c = 0; c < C; ++c) sums[r][c] = fused(weight, load<float>(x + c * stride + k), sums[r][c]);
        }
    }
};

// Rows of groups of 32 entries of four bits, each less 8: byte i of a group holds entry i below entry 16 + i. Every
// group has a scale.
struct Int4 {
    struct Row {
        const uint8_t* bytes;
        const float* scales;
    };
    const uint8_t* stored;
    const float* scales;
    int64_t groups;

    Row row(int64_t i) const { return {stored + i * groups * HALF, scales + i * groups}; }
    float scale(int64_t) const { return 1; }
    int64_t row_bytes() const { return groups * (HALF + sizeof(float)); }

    template <bool, int R, int C>  // nothing is fetched: the arithmetic takes longer than the memory
    void add(const Row (&rows)[R], const float* x, int64_t stride, V (&sums)[R][C]) const {
        for (int64_t g = 0; g < groups; ++g)
            for (int r = 0; r < R; ++r)
                for (int i = 0; i < HALF; i += COUNT) {
                    const Whole both = whole((const int8_t*)rows[r].bytes + g * HALF + i);
                    const V low = __builtin_convertvector((both & 15) - 8, V) * rows[r].scales[g];
                    const V high = __builtin_convertvector((both >> 4 & 15) - 8, V) * rows[r].scales[g];
                    for (int c = 0; c < C; ++c) {
                        const float* from = x + c * stride + g * GROUP + i;
                        sums[r][c] = fused(low, load<float>(from), sums[r][c]);
                        sums[r][c] = fused(high, load<float>(from + HALF), sums[r][c]);
                    }
                }
    }

private:
    static constexpr int HALF = GROUP / 2;
};

// Some of the vectors, `stride` floats apart and zero behind their entries, and where their products go.
template <class Stored>
struct Vectors {
    const float* x;
    int64_t stride;
    const Stored* bias;
    Stored* y;
    int64_t rows;

    Vectors from(int64_t column) const { return {x + column * stride, stride, bias, y + column * rows, rows}; }

    void put(int64_t column, int64_t row, float sum, float scale) const {
        const V value = fused(V{} + sum, V{} + scale, V{} + (bias ? widened(bias[row]) : 0));
        store<float>(y + column * rows + row, value, 1);
    }
};

// Rows of a matrix that are multiplied side by side.
template <int R>
struct Places {
    int64_t first, apart;
    int64_t operator[](int r) const { return first + r * apart; }
};

// Rows times C vectors, as many at a time as the registers hold sums of.
template <int R, int C, bool AGAIN = false, class Matrix, class Stored>
void multiply(const Matrix& matrix, const Vectors<Stored>& vectors, Places<R> places) {
    constexpr int passes = (C + TOGETHER - 1) / TOGETHER, count = (C + passes - 1) / passes;
    typename Matrix::Row rows[R];
    for (int r = 0; r < R; ++r) rows[r] = matrix.row(places[r]);
    V sums[R][count] = {};
    matrix.template add<AGAIN>(rows, vectors.x, vectors.stride, sums);
    for (int r = 0; r < R; ++r)
        for (int c = 0; c < count; ++c) vectors.put(c, places[r], total(sums[r][c]), matrix.scale(places[r]));
    if constexpr (C > count) multiply<R, C - count, true>(matrix, vectors.from(count), places);
}

// The rows [begin, end), as R streams.
template <int R, int C, class Matrix, class Stored>
void multiply_part(const Matrix& matrix, const Vectors<Stored>& vectors, int64_t begin, int64_t end) {
    const int64_t apart = (end - begin) / R;
    for (int64_t first = begin; first < begin + apart; ++first)
        multiply<R, C>(matrix, vectors, Places<R>{first, apart});
    for (int64_t row = begin + R * apart; row < end; ++row) multiply<1, C>(matrix, vectors, Places<1>{row, 0});
}

// All rows, in parts that threads take one after the other.
template <int C, class Matrix, class Stored>
void multiply_all(const Matrix& matrix, const Vectors<Stored>& vectors, int64_t threads) {
    constexpr int R = C == 1 ? 8 : 4;
    const int64_t rows = vectors.rows, streams = rows * matrix.row_bytes() / STREAM_BYTES;
    if (rows * vectors.stride < LEAST) threads = 1;
    const int64_t most = std::clamp<int64_t>(streams / R / threads, 1, 8) * threads;
    const int64_t part = std::max<int64_t>((rows + most - 1) / most, 4 * R), parts = (rows + part - 1) / part;
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1)
    for (int64_t i = 0; i < parts; ++i)
        multiply_part<R, C>(matrix, vectors, i * part, std::min(rows, (i + 1) * part));
}

template <class Matrix, class Stored>
void matrix_vector(const Matrix& matrix, const Stored* x, const Stored* bias, Stored* y, int64_t columns, int64_t rows,
                   int64_t inner, int64_t threads) {
    const int64_t stride = padded(inner) + 16;  // at a distance of 2^n bytes, vectors share their places in the cache
    static thread_local std::vector<V> aligned;
    aligned.assign(std::min<int64_t>(columns, 8) * stride / COUNT, V{});
    float* wide = (float*)aligned.data();
    for (int64_t first = 0; first < columns; first += 8) {
        const int64_t count = std::min<int64_t>(columns - first, 8);
        for (int64_t c = 0; c < count; ++c)
            for (int64_t k = 0; k < inner; k += COUNT) {
                const int lanes = int(std::min<int64_t>(inner - k, COUNT));
                store<float>(wide + c * stride + k, load<float>(x + (first + c) * inner + k, lanes));
            }
        const Vectors<Stored> vectors{wide, stride, bias, y + first * rows, rows};
        switch (count) {
            case 1: multiply_all<1>(matrix, vectors, threads); break;
            case 2: multiply_all<2>(matrix, vectors, threads); break;
            case 3: multiply_all<3>(matrix, vectors, threads); break;
            case 4: multiply_all<4>(matrix, vectors, threads); break;
            case 5: multiply_all<5>(matrix, vectors, threads); break;
            case 6: multiply_all<6>(matrix, vectors, threads); break;
            case 7: multiply_all<7>(matrix, vectors, threads); break;
            default: multiply_all<8>(matrix, vectors, threads);
        }
    }
}

}  // namespace

#define EXPORT(NAME, STORED, MATRIX, ENTRY, WIDTH)                                                                    \
    extern "C" void multiply_##NAME(const STORED* x, const ENTRY* weight, const float* scale, const STORED* bias,     \
                                    STORED* y, int64_t columns, int64_t rows, int64_t inner, int64_t threads) {       \
        matrix_vector(MATRIX{weight, scale, WIDTH}, x, bias, y, columns, rows, inner, threads);                       \
    }

EXPORT(float32, float, Plain<float>, float, inner)
EXPORT(bfloat16, bfloat16, Plain<bfloat16>, bfloat16, inner)
EXPORT(float32_int8, float, Plain<int8_t>, int8_t, inner)
EXPORT(bfloat16_int8, bfloat16, Plain<int8_t>, int8_t, inner)
EXPORT(float32_uint8, float, Int4, uint8_t, padded(inner) / GROUP)
EXPORT(bfloat16_uint8, bfloat16, Int4, uint8_t, padded(inner) / GROUP)
