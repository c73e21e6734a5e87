// One block of channels of arrays (..., L, D), and its kernels, brought to vectors and back.
#pragma once

#include <algorithm>

#include "scratch.h"

template <class Wide>
struct Block {
    using V = Vector<Wide>;

    const RightAngle<Wide>& plan;
    int64_t first;  // channel
    int lanes;

    // `count` positions, `stride` entries apart, and zeros behind them.
    template <class Stored>
    void read(const Stored* from, int64_t stride, int64_t count, V* to) const {
        for (int64_t n = 0; n < count; ++n) to[n] = load<Wide>(from + n * stride + first, lanes);
        std::fill(to + count, to + plan.points, V{});
    }
    void read_one(const Wide* from, V* to) const { *to = load<Wide>(from + first, lanes); }
    template <class Stored>
    void write(const V* from, Stored* to, int64_t stride, int64_t count) const {
        for (int64_t n = 0; n < count; ++n) store<Wide>(to + n * stride + first, from[n], lanes);
    }

    // The values of the polynomial of taps (reach, channels), those behind included, null where there are none: tap j
    // of those has lag -(j + 1).
    void kernel(const Wide* taps, const Wide* back, int64_t reach, int64_t channels, V* room, Complex<Wide>* h) const {
        read(taps, channels, reach, room);
        plan.split(room, h);
        if (back) {
            read(back, channels, reach, room);
            std::reverse(room, room + plan.points);
            for (int64_t n = 0; n < plan.points; ++n) room[n] = -room[n];
            plan.add_turned_split(room, h);
        }
        plan.down(h);
    }

    // From the sum of gradients against inputs: the gradients of the taps and of the skip, which is a tap at lag 0.
    void kernel_gradient(Complex<Wide>* sum, V* room, Wide* taps, Wide* back, Wide* skip, int64_t reach,
                         int64_t channels) const {
        plan.up(sum);
        plan.join(sum, room);
        write(room, skip, channels, 1);
        write(room, taps, channels, reach);
        if (!back) return;
        plan.join_imaginary(sum, room);
        std::reverse(room, room + plan.points);
        for (int64_t n = 0; n < reach; ++n) room[n] = -room[n];
        write(room, back, channels, reach);
    }
};
