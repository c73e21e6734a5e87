// Memory that a thread keeps from call to call: fresh pages would cost as much as the arithmetic.
#pragma once

#include <cstdlib>
#include <new>

#include "right_angle.h"

// Arrays of `size` complex or real vectors, of one thread, until its next.
template <class Wide>
class Scratch {
public:
    Scratch(int64_t complex, int64_t real, int64_t size)
        : stride(size + 3),  // arrays at a distance of 2^n bytes would share their places in the caches
          complexes(memory().grown((complex + (real + 1) / 2) * stride * sizeof(Complex<Wide>))),
          reals((Vector<Wide>*)(complexes + complex * stride)) {}
    Complex<Wide>* complex(int64_t i) const { return complexes + i * stride; }
    Vector<Wide>* real(int64_t i) const { return reals + i * stride; }

private:
    struct Memory {
        void* start = nullptr;
        size_t bytes = 0;

        Complex<Wide>* grown(size_t wanted) {
            if (wanted > bytes) {
                std::free(start);
                bytes = (wanted + 4095) / 4096 * 4096;
                start = std::aligned_alloc(4096, bytes);
                if (start == nullptr) throw std::bad_alloc();
            }
            return static_cast<Complex<Wide>*>(start);
        }
        ~Memory() { std::free(start); }
    };

    int64_t stride;
    Complex<Wide>* complexes;
    Vector<Wide>* reals;

    static Memory& memory() {
        static thread_local Memory own;
        return own;
    }
};
