// Memory that a thread keeps from call to call: fresh pages would cost as much as the arithmetic.
#pragma once

#include <cstdlib>
#include <new>

class Scratch {
public:
    // Room for `count` arrays of `size` entries each; it lasts until the thread's next `take`.
    template <class Entry>
    static Entry* take(size_t count, size_t size, size_t* stride) {
        static thread_local Scratch own;
        *stride = size + 4 * 64 / sizeof(Entry) + 1;  // arrays at a distance of 2^n would share their places in the caches
        own.grow(count * *stride * sizeof(Entry));
        return static_cast<Entry*>(own.memory);
    }

private:
    void* memory = nullptr;
    size_t bytes = 0;

    void grow(size_t wanted) {
        if (wanted <= bytes) return;
        std::free(memory);
        bytes = (wanted + 4095) / 4096 * 4096;
        memory = std::aligned_alloc(4096, bytes);
        if (memory == nullptr) throw std::bad_alloc();
    }
    ~Scratch() { std::free(memory); }
};
