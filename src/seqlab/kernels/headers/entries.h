// Arrays whose entries are changed one by one, in vectors and by several threads.
#pragma once

#include <algorithm>

#include "lanes.h"

// Call work(place, lanes) for every vector of `count` entries, the entries shared out among `threads` in whole vectors.
template <class Wide, class Work>
void for_entries(int64_t count, int64_t threads, Work work) {
    constexpr int64_t WHOLE = Lanes<Wide>::count, LEAST = 1 << 14;  // fewer are done before a thread has woken
    const int64_t pieces = std::max<int64_t>(1, std::min(threads, count / LEAST));
    const int64_t own = (count / pieces + WHOLE) / WHOLE * WHOLE;
#pragma omp parallel for num_threads(pieces) schedule(static)
    for (int64_t piece = 0; piece < pieces; ++piece) {
        const int64_t end = std::min((piece + 1) * own, count);
        for (int64_t place = piece * own; place < end; place += WHOLE)
            work(place, int(std::min(WHOLE, end - place)));
    }
}
