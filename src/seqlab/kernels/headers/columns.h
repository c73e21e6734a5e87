// Values (rows, columns), read row by row in vectors.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lanes.h"

// Call work(column, lanes, number of the vector) for every vector of a row; whole ones know their lanes when compiled.
template <class Wide, class Work>
inline void for_vectors(int64_t columns, Work work) {
    constexpr int64_t COUNT = Lanes<Wide>::count;
    const int64_t whole = columns / COUNT;
    for (int64_t i = 0; i < whole; ++i) work(i * COUNT, int(COUNT), i);
    if (whole * COUNT < columns) work(whole * COUNT, int(columns - whole * COUNT), whole);
}

template <class Wide>
inline int64_t vectors_of(int64_t columns) {
    return (columns + Lanes<Wide>::count - 1) / Lanes<Wide>::count;
}

// Entry `column` of vectors side by side.
template <class Wide, class V>
inline auto entry(const V* vectors, int64_t column) {
    return vectors[column / Lanes<Wide>::count][column % Lanes<Wide>::count];
}
