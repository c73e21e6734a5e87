// For each sequence of `ours` how many of `theirs` have at least `least` equal bytes; rows are `width` bytes, a multiple
// of 64. What never equals anything is 254 in ours and 255 in theirs.
#include <cstdint>
#include <cstring>

#if defined(__AVX512BW__)
#include <immintrin.h>
#endif

namespace {

inline int64_t equal(const uint8_t* a, const uint8_t* b, int64_t width) {
    int64_t count = 0;
#if defined(__AVX512BW__)
    for (int64_t k = 0; k < width; k += 64)
        count += __builtin_popcountll(_mm512_cmpeq_epi8_mask(_mm512_loadu_si512(a + k), _mm512_loadu_si512(b + k)));
#else
    for (int64_t k = 0; k < width; k += 64) {
        uint8_t here = 0;
        for (int64_t i = 0; i < 64; ++i) here += a[k + i] == b[k + i];
        count += here;
    }
#endif
    return count;
}

constexpr int64_t PIECE = 256;  // sequences of ours that stay in the cache while all of theirs pass

}  // namespace

extern "C" void neighbours(const uint8_t* ours, const uint8_t* theirs, const int64_t* least, int64_t* counts,
                           int64_t sequences, int64_t width, int64_t threads) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (int64_t block = 0; block < (sequences + PIECE - 1) / PIECE; ++block) {
        const int64_t first = block * PIECE, last = first + PIECE < sequences ? first + PIECE : sequences;
        for (int64_t m = 0; m < sequences; ++m)
            for (int64_t n = first; n < last; ++n)
                counts[n] += equal(ours + n * width, theirs + m * width, width) >= least[n];
    }
}
