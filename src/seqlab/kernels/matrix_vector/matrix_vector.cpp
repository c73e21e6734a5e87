// A matrix of any of four kinds of entries times a few vectors: every weight is read once, for all of the vectors.
//
// x (columns, inner), bias (rows) or null, and y (columns, rows) in one dtype; the matrix is (rows, inner).
// Sums run in float, in an order that depends on the matrix alone: a vector's result is the same in any company.
#include <algorithm>
#include <cstdint>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "lanes.h"

namespace {

constexpr int COUNT = Lanes<float>::count;
constexpr int64_t GROUP = 32;  // entries of a row that share a scale, in four bits
constexpr int64_t LEAST = 1 << 14;  // weights below which a second thread would cost more than it saves
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
#elif defined(__AVX2__) && defined(__FMA__)
    return (V)_mm256_fmadd_ps((__m256)x, (__m256)y, (__m256)sum);
#else
    return x * y + sum;
#endif
}

float widened(float x) { return x; }
float widened(bfloat16 x) { return load<float>(&x, 1)[0]; }

float total(V x) {
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)x);
#else
    float lanes[COUNT];
    std::memcpy(lanes, &x, sizeof lanes);
    for (int width = COUNT / 2; width > 0; width /= 2)
        for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
    return lanes[0];
#endif
}

// Rows of `inner` floats, bfloat16s or signed bytes, with a scale for each row or null.
template <class Stored>
struct Plain {
    const Stored* stored;
    const float* scales;
    int64_t inner;

    float scale(int64_t row) const { return scales ? scales[row] : 1; }

    // sums_rc += row r of the matrix times vector c, for R rows from `first` on.
    template <int R, int C>
    void add(int64_t first, const float* x, int64_t stride, V (&sums)[R][C]) const {
        const Stored* rows = stored + first * inner;
        int64_t k = 0;
        for (; k + COUNT <= inner; k += COUNT)
            for (int r = 0; r < R; ++r) {
                V weight = entries(rows + r * inner + k);
                for (int c = 0; c < C; ++c) sums[r][c] = fused(weight, load<float>(x + c * stride + k), sums[r][c]);
            }
        if (k == inner) return;
        for (int r = 0; r < R; ++r) {
            Stored some[COUNT] = {};
            std::memcpy(some, rows + r * inner + k, (inner - k) * sizeof(Stored));
            V weight = entries(some);
            for (int c = 0; c < C; ++c) sums[r][c] = fused(weight, load<float>(x + c * stride + k), sums[r][c]);
        }
    }
};

// Rows of groups of 32 entries of four bits, each less 8: byte i of a group holds entry i below entry 16 + i. Every
// group has a scale.
struct Int4 {
    const uint8_t* stored;
    const float* scales;
    int64_t groups;

    float scale(int64_t) const { return 1; }

    template <int R, int C>
    void add(int64_t first, const float* x, int64_t stride, V (&sums)[R][C]) const {
        constexpr int half = GROUP / 2;
        for (int64_t g = 0; g < groups; ++g)
            for (int r = 0; r < R; ++r) {
                const int64_t place = (first + r) * groups + g;
                for (int i = 0; i < half; i += COUNT) {
                    const Whole both = whole((const int8_t*)stored + place * half + i);
                    V low = __builtin_convertvector((both & 15) - 8, V) * scales[place];
                    V high = __builtin_convertvector((both >> 4 & 15) - 8, V) * scales[place];
                    for (int c = 0; c < C; ++c) {
                        const float* from = x + c * stride + g * GROUP + i;
                        sums[r][c] = fused(low, load<float>(from), sums[r][c]);
                        sums[r][c] = fused(high, load<float>(from + half), sums[r][c]);
                    }
                }
            }
    }
};

// The rows [begin, end), R at a time.
template <int R, int C, class Matrix, class Stored>
void multiply(const Matrix& matrix, const float* x, int64_t stride, const Stored* bias, Stored* y, int64_t rows,
              int64_t begin, int64_t end) {
    for (; begin + R <= end; begin += R) {
        V sums[R][C] = {};
        matrix.add(begin, x, stride, sums);
        for (int r = 0; r < R; ++r)
            for (int c = 0; c < C; ++c) {
                const float value = total(sums[r][c]) * matrix.scale(begin + r) + (bias ? widened(bias[begin + r]) : 0);
                if constexpr (std::is_same_v<Stored, float>) {
                    y[c * rows + begin + r] = value;
                } else {
                    store<float>(y + c * rows + begin + r, V{} + value, 1);
                }
            }
    }
    if constexpr (R > 1) multiply<1, C>(matrix, x, stride, bias, y, rows, begin, end);
}

// More rows for fewer vectors: as many sums as there are registers for.
template <int C, class Matrix, class Stored>
void multiply_all(const Matrix& matrix, const float* x, int64_t stride, const Stored* bias, Stored* y, int64_t rows,
                  int64_t threads) {
    constexpr int R = C == 1 ? 8 : C == 2 ? 4 : 2;
    const int64_t part = std::max<int64_t>((rows + 8 * threads - 1) / (8 * threads), 4 * R) / R * R;
    const int64_t parts = (rows + part - 1) / part;
    const bool small = rows * stride < LEAST;
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1 && !small)
    for (int64_t i = 0; i < parts; ++i)
        multiply<R, C>(matrix, x, stride, bias, y, rows, i * part, std::min(rows, (i + 1) * part));
}

template <class Matrix, class Stored>
void matrix_vector(const Matrix& matrix, const Stored* x, const Stored* bias, Stored* y, int64_t columns, int64_t rows,
                   int64_t inner, int64_t threads) {
    const int64_t stride = padded(inner);
    static thread_local std::vector<float> wide;
    wide.assign(std::min<int64_t>(columns, 8) * stride, 0);
    for (int64_t first = 0; first < columns; first += 8) {
        const int64_t count = std::min<int64_t>(columns - first, 8);
        for (int64_t c = 0; c < count; ++c)
            for (int64_t k = 0; k < inner; k += COUNT) {
                const int lanes = int(std::min<int64_t>(inner - k, COUNT));
                store<float>(wide.data() + c * stride + k, load<float>(x + (first + c) * inner + k, lanes));
            }
        const float* from = wide.data();
        Stored* to = y + first * rows;
        switch (count) {
            case 1: multiply_all<1>(matrix, from, stride, bias, to, rows, threads); break;
            case 2: multiply_all<2>(matrix, from, stride, bias, to, rows, threads); break;
            case 3: multiply_all<3>(matrix, from, stride, bias, to, rows, threads); break;
            case 4: multiply_all<4>(matrix, from, stride, bias, to, rows, threads); break;
            case 5: multiply_all<5>(matrix, from, stride, bias, to, rows, threads); break;
            case 6: multiply_all<6>(matrix, from, stride, bias, to, rows, threads); break;
            case 7: multiply_all<7>(matrix, from, stride, bias, to, rows, threads); break;
            default: multiply_all<8>(matrix, from, stride, bias, to, rows, threads);
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
