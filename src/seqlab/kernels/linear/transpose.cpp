// The transpose of a matrix (rows, columns), in tiles that lie in the first cache.
#include <algorithm>
#include <cstdint>

namespace {

constexpr int64_t TALL = 64, WIDE = 16;  // of a tile: it is read in lines of 64 bytes, and written in four of them

struct Matrices {
    const float* x;
    float* y;
    int64_t rows, columns;

    inline __attribute__((always_inline)) void turn(int64_t row, int64_t column, int64_t tall, int64_t wide) const {
        float tile[WIDE][TALL];
        for (int64_t i = 0; i < tall; ++i)
            for (int64_t j = 0; j < wide; ++j) tile[j][i] = x[(row + i) * columns + column + j];
        for (int64_t j = 0; j < wide; ++j)
            for (int64_t i = 0; i < tall; ++i) y[(column + j) * rows + row + i] = tile[j][i];
    }
};

}  // namespace

extern "C" void transpose_float32(const float* x, float* y, int64_t rows, int64_t columns, int64_t threads) {
    const Matrices of = {x, y, rows, columns};
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; row += TALL)
        for (int64_t column = 0; column < columns; column += WIDE) {
            const int64_t tall = std::min(TALL, rows - row), wide = std::min(WIDE, columns - column);
            if (tall == TALL && wide == WIDE)
                of.turn(row, column, TALL, WIDE);  // with sizes that the compiler knows, twice as fast
            else
                of.turn(row, column, tall, wide);
        }
}
