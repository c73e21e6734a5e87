// Which entries dropout keeps: a function of seed, row and column alone, so that nothing is stored for the gradient.
#pragma once

#include "lanes.h"

struct Dropout {
    uint64_t seed;
    uint32_t least;  // an entry is kept where its number is at or above this: share 2^32
    double factor;   // of what is kept
};

// As many numbers as a vector has entries.
template <class Wide>
struct Numbers;
template <>
struct Numbers<float> {
    typedef uint32_t Vector __attribute__((vector_size(VECTOR_BYTES)));
};
template <>
struct Numbers<double> {
    typedef uint32_t Vector __attribute__((vector_size(VECTOR_BYTES / 2)));
};

template <class Wide>
class Kept {
public:
    // Of one row: its key is SplitMix64's number at the row's place (Steele, Lea and Flood, 2014).
    Kept(const Dropout& dropout, uint64_t row) : least(dropout.least), factor(Wide(dropout.factor)) {
        uint64_t key = dropout.seed + row * 0x9e3779b97f4a7c15u;
        key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
        key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
        key ^= key >> 31;
        low = uint32_t(key), high = uint32_t(key >> 32);
    }

    // The factors of the entries from `column` on: 0, or that of what is kept.
    Vector<Wide> operator()(int64_t column) const {
        typename Numbers<Wide>::Vector number;
        static_assert(Lanes<Wide>::count <= 16);
        constexpr uint32_t ORDER[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
        std::memcpy(&number, ORDER, sizeof number);
        // A mixing of 32 bits (Wellons' lowbias32), half of the key before it and half in its middle.
        number = (number + uint32_t(column)) ^ low;
        number = (number ^ (number >> 16)) * 0x7feb352du;
        number = (number ^ (number >> 15)) + high;
        number *= 0x846ca68bu;
        number ^= number >> 16;
        if constexpr (sizeof(Wide) == sizeof(uint32_t))
            return number >= least ? Vector<Wide>{} + factor : Vector<Wide>{};
        else
            return __builtin_convertvector(number >= least, Vector<Wide>) * -factor;  // true is -1
    }

private:
    uint32_t low, high, least;
    Wide factor;
};
